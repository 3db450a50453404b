//! Names, states and gifts, as Douyu answers.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use danmu_client::directory::{Api, Directory, How, LookupError, RequestError};

use crate::server::{Answer, Server, html, json, redirect, status};
use crate::{directory, name, options, room, tried};

const MOBILE: &str = r#"<html>斗鱼<script>window.$x={"vipId":6657,"rid":6979222,"rname":"x"}</script>"#;
const WEB: &str = "<html>斗鱼<script>window.room_id = 6979222;</script>";
const HOME: &str = r#"<html>斗鱼 <a href="/5">{"rid":5}</a>"#;
const CLOSED: &str = "<html>斗鱼 该房间目前没有开放";
const NO_ROOM: &str = r#"{"error":101,"data":"Not Found"}"#;

/// What `resolve` gives against a server, and the paths that it asked for.
#[track_caller]
fn resolves(
    asked: &str,
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
    expected: Result<(u64, How), &[(&str, &str)]>,
    paths: &[&str],
) {
    let server = Server::new(move |request| answer(request.path()));
    let found = directory(&server).resolve(&name(asked));
    match (found, expected) {
        (Ok(found), Ok((number, how))) => assert_eq!((found.room, found.how), (room(number), how)),
        (Err(LookupError::NoSuchRoom { name }), Err([])) => assert_eq!(name, asked.parse().unwrap()),
        (Err(error), Err(failures)) => assert_eq!(tried(&error), failures, "{error}"),
        (found, expected) => panic!("{found:?}, expected {expected:?}"),
    }
    assert_eq!(server.paths(), paths);
}

#[test]
fn a_vanity_number_is_resolved_by_the_mobile_page_as_a_browser_would_ask_for_it() {
    let server = Server::new(|_| html(MOBILE));
    let found = directory(&server).resolve(&name("https://www.douyu.com/6657?from=x")).unwrap();
    assert_eq!((found.room, found.how), (room(6_979_222), How::MobilePage));
    let [request] = &server.requests()[..] else { panic!() };
    assert_eq!(request.line, "GET /m.douyu.com/6657 HTTP/1.1");
    assert_eq!(request.header("referer"), Some("https://www.douyu.com/6657"));
    assert_eq!(request.header("accept-encoding"), Some("gzip"));
    let agent = request.header("user-agent").unwrap();
    assert!(agent.starts_with("Mozilla/5.0 (Windows NT 10.0; Win64; x64) ") && !agent.contains("  "), "{agent}");
}

#[test]
fn a_word_is_resolved_by_where_the_web_page_redirects_to() {
    for (code, location) in [
        (302, "/288016"),
        (301, "https://www.douyu.com/288016?from=lpl"),
        (307, "//www.douyu.com/288016"),
        (302, "/topic/lpl2026?rid=288016"),
        (302, "https://www.douyu.com/?rid=288016"),
    ] {
        resolves("lpl", move |_| redirect(code, location), Ok((288_016, How::Redirect)), &["/www.douyu.com/lpl"]);
    }
}

#[test]
fn a_redirect_may_name_the_other_base_and_leads_there() {
    let server = Server::new(|request| match (request.path(), request.header("host").unwrap()) {
        ("/www.douyu.com/lpl", host) => redirect(302, &format!("http://{host}/m.douyu.com/x")),
        ("/m.douyu.com/x", _) => html(WEB),
        _ => status(500),
    });
    let found = directory(&server).resolve(&name("lpl")).unwrap();
    assert_eq!((found.room, found.how), (room(6_979_222), How::WebPage));
}

#[test]
fn a_word_that_the_web_page_does_not_redirect_is_read_in_the_pages() {
    resolves("lpl", |_| html(WEB), Ok((6_979_222, How::WebPage)), &["/www.douyu.com/lpl"]);
    let mobile_only = |path: &str| if path == "/m.douyu.com/lpl" { html(MOBILE) } else { html(HOME) };
    let both = ["/www.douyu.com/lpl", "/m.douyu.com/lpl"];
    resolves("lpl", mobile_only, Ok((6_979_222, How::MobilePage)), &both);
    let api_only = |path: &str| match path {
        "/open.douyucdn.cn/api/RoomApi/room/lpl" => json(r#"{"error":0,"data":{"room_id":"288016"}}"#),
        _ => status(503),
    };
    let all = [both[0], both[1], "/open.douyucdn.cn/api/RoomApi/room/lpl"];
    resolves("lpl", api_only, Ok((288_016, How::RoomApi)), &all);
}

#[test]
fn a_topic_page_leads_to_its_room() {
    let asked = "https://www.douyu.com/topic/msi2026";
    let path = ["/www.douyu.com/topic/msi2026"];
    resolves(asked, |_| redirect(302, "?rid=5"), Ok((5, How::Redirect)), &path);
    resolves(asked, |_| html(WEB), Ok((6_979_222, How::WebPage)), &path);
    resolves(asked, |_| html(HOME), Err(&[("web_page", "no_room")]), &path);
    resolves(asked, |_| status(404), Err(&[]), &path);
}

#[test]
fn a_number_goes_on_to_the_next_method_when_one_does_not_know() {
    let paths = [
        "/m.douyu.com/6657",
        "/www.douyu.com/6657",
        "/www.douyu.com/betard/6657",
        "/open.douyucdn.cn/api/RoomApi/room/6657",
    ];
    let web =
        |path: &str| if path.starts_with("/www") { html(WEB) } else { html(HOME.replace("\"rid\"", "").as_str()) };
    resolves("6657", web, Ok((6_979_222, How::WebPage)), &paths[..2]);

    let redirecting = |path: &str| if path.starts_with("/www") { redirect(301, "/6979222") } else { status(502) };
    resolves("6657", redirecting, Ok((6_979_222, How::Redirect)), &paths[..2]);

    let betard = |path: &str| match path {
        "/www.douyu.com/betard/6657" => json(r#"{"room":{"room_id":"6979222"}}"#),
        _ => status(403),
    };
    resolves("6657", betard, Ok((6_979_222, How::Betard)), &paths[..3]);

    let api = |number: u64| {
        move |path: &str| match path {
            "/open.douyucdn.cn/api/RoomApi/room/6657" => {
                json(format!(r#"{{"error":0,"data":{{"room_id":"{number}"}}}}"#))
            }
            path if path.contains("betard") => html(CLOSED),
            _ => html("<html>"),
        }
    };
    resolves("6657", api(6_979_222), Ok((6_979_222, How::RoomApi)), &paths);
    resolves("6657", api(6657), Ok((6657, How::Unchecked)), &paths);

    let nobody = [("mobile_page", "status"), ("web_page", "status"), ("betard", "status"), ("room_api", "status")];
    resolves("6657", |_| status(503), Err(&nobody), &paths);
}

#[test]
fn a_redirect_to_the_same_number_elsewhere_is_followed_not_believed() {
    let answer = |path: &str| match path {
        "/m.douyu.com/6657" => redirect(302, "https://www.douyu.com/6657"),
        _ => html(r#"<html>斗鱼 {"rid":6979222}"#),
    };
    resolves("6657", answer, Ok((6_979_222, How::MobilePage)), &["/m.douyu.com/6657", "/www.douyu.com/6657"]);
}

#[test]
fn there_is_no_such_room_only_if_douyu_says_so_and_nobody_knows_better() {
    let numbers =
        ["/m.douyu.com/5", "/www.douyu.com/5", "/www.douyu.com/betard/5", "/open.douyucdn.cn/api/RoomApi/room/5"];
    let said = |path: &str| match path {
        "/open.douyucdn.cn/api/RoomApi/room/5" => json(NO_ROOM),
        "/www.douyu.com/betard/5" => html(CLOSED),
        _ => redirect(302, "/"),
    };
    resolves("5", said, Err(&[]), &numbers);
    let page = |path: &str| if path == "/m.douyu.com/5" { status(404) } else { status(500) };
    resolves("5", page, Err(&[]), &numbers);
    // Betard says this of every vanity number.
    let betard = |path: &str| if path.contains("betard") { status(404) } else { status(500) };
    let failures = [("mobile_page", "status"), ("web_page", "status"), ("betard", "status"), ("room_api", "status")];
    resolves("5", betard, Err(&failures), &numbers);
    let better = |path: &str| if path.contains("betard") { json(r#"{"room":{"room_id":5}}"#) } else { status(404) };
    resolves("5", better, Ok((5, How::Betard)), &numbers[..3]);
}

#[test]
fn an_error_says_who_was_asked_what_came_of_it_and_what_to_do() {
    let server = Server::new(|request| match request.path() {
        "/www.douyu.com/lpl" => status(403),
        "/m.douyu.com/lpl" => html("<html>Hotel"),
        _ => json(r#"{"error":999}"#),
    });
    let error = directory(&server).resolve(&name("lpl")).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot find out which room lpl is: www.douyu.com: the answer is HTTP status 403; m.douyu.com: a page came that \
         is not Douyu's; open.douyucdn.cn: Douyu reports error 999 (maintenance); Douyu turns requests away: wait a \
         while, or try another network"
    );
    let server = Server::new(|_| status(404));
    let error = directory(&server).resolve(&name("lpl")).unwrap_err().to_string();
    assert_eq!(error, "Douyu knows no room lpl: check the number, the name or the link in a browser");
}

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(1_790_000_000) };
}

/// A clock that stands until the test moves it; each test has its own, for each has its own thread.
fn clock() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW.get())
}

fn pass(time: Duration) {
    NOW.set(NOW.get() + time.as_secs());
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn a_name_is_asked_for_once_a_week_and_a_file_tells_other_processes() {
    let server = Server::new(|_| redirect(302, "/288016"));
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&server);
    options.cache = Some(folder.path().join("rooms.json"));
    options.clock = clock;
    let one = Directory::new(options.clone()).unwrap();
    assert_eq!(one.resolve(&name("lpl")).unwrap().how, How::Redirect);
    assert_eq!(one.resolve(&name("www.douyu.com/lpl")).unwrap().how, How::Cache);
    pass(6 * DAY);
    let other = Directory::new(options.clone()).unwrap();
    let found = other.resolve(&name("lpl")).unwrap();
    assert_eq!((found.room, found.how), (room(288_016), How::Cache));
    assert_eq!(server.requests().len(), 1);
    pass(DAY);
    assert_eq!(other.resolve(&name("lpl")).unwrap().how, How::Redirect);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn what_is_not_certain_is_not_kept() {
    let server = Server::new(|request| match request.path() {
        "/open.douyucdn.cn/api/RoomApi/room/6657" => json(r#"{"error":0,"data":{"room_id":"6657"}}"#),
        "/open.douyucdn.cn/api/RoomApi/room/lpl" => json(NO_ROOM),
        _ => status(500),
    });
    let directory = directory(&server);
    for _ in 0..2 {
        assert_eq!(directory.resolve(&name("6657")).unwrap().how, How::Unchecked);
        assert!(matches!(directory.resolve(&name("lpl")), Err(LookupError::NoSuchRoom { .. })));
    }
    assert_eq!(server.requests().len(), 2 * (4 + 3));
}

const BETARD: &str = r#"{"room":{"room_id":9999,"room_name":"标题","show_status":1,"videoLoop":0}}"#;

#[test]
fn a_state_is_asked_of_betard_each_time_at_another_address() {
    let server = Server::new(|_| json(BETARD));
    let directory = directory(&server);
    for _ in 0..3 {
        let state = directory.state(room(9999)).unwrap();
        assert_eq!((state.live, state.title.as_deref(), state.source), (Some(true), Some("标题"), Api::Betard));
    }
    let requests = server.requests();
    let mut addresses: Vec<_> = requests.iter().map(|request| request.target().to_owned()).collect();
    assert!(addresses.iter().all(|address| address.starts_with("/www.douyu.com/betard/9999?_=")), "{addresses:?}");
    addresses.dedup();
    assert_eq!(addresses.len(), 3);
    assert!(requests.iter().all(|request| {
        request.line.starts_with("GET ")
            && request.header("referer") == Some("https://www.douyu.com/9999")
            && request.header("user-agent").unwrap().contains("Chrome/")
    }));
}

#[test]
fn when_betard_gives_no_state_the_open_api_is_asked() {
    for betard in [
        || status(403),
        || status(404),
        || status(500),
        || html(CLOSED),
        || html("<html>Welcome to the hotel"),
        || json(""),
        || json("{"),
        || json(r#"{"room":[]}"#),
        || redirect(302, "https://login.hotel.example/"),
    ] {
        let server = Server::new(move |request| match request.path() {
            "/www.douyu.com/betard/9999" => betard(),
            _ => json(r#"{"error":0,"data":{"room_id":"9999","room_status":"2","room_name":"标题"}}"#),
        });
        let state = directory(&server).state(room(9999)).unwrap();
        assert_eq!((state.live, state.title.as_deref(), state.source), (Some(false), Some("标题"), Api::RoomApi));
        assert_eq!(server.paths(), ["/www.douyu.com/betard/9999", "/open.douyucdn.cn/api/RoomApi/room/9999"]);
    }
}

#[test]
fn a_state_that_nobody_gives_is_no_room_or_unanswered() {
    let state = |betard: fn() -> Answer, api: fn() -> Answer| {
        let server = Server::new(move |request| if request.path().contains("betard") { betard() } else { api() });
        directory(&server).state(room(9999)).unwrap_err()
    };
    let gone = state(|| html(CLOSED), || json(NO_ROOM));
    assert!(matches!(gone, LookupError::NoSuchRoom { .. }), "{gone}");
    let gone = state(|| status(404), || status(503));
    assert!(matches!(gone, LookupError::NoSuchRoom { .. }), "{gone}");
    let unanswered = state(|| html(CLOSED), || json(r#"{"error":999}"#));
    assert_eq!(tried(&unanswered), [("betard", "no_room"), ("room_api", "service")]);
    let unanswered = state(|| status(403), || json(r#"{"error":501}"#));
    assert_eq!(tried(&unanswered), [("betard", "status"), ("room_api", "service")]);
    let portal = state(|| html("<html>Hotel"), || redirect(302, "http://login.hotel.example/?to=douyu.com"));
    assert_eq!(tried(&portal), [("betard", "portal"), ("room_api", "portal")]);
    assert!(portal.to_string().contains("wants a log-in first"), "{portal}");
}

const LIST: &str = r#"{"error":0,"data":{"giftList":[
    {"id":20004,"name":"火箭","priceInfo":{"price":50000,"priceType":"YUCHI"}},
    {"id":195,"name":"飞机","priceInfo":{"price":10000,"priceType":"YUCHI"}}]}}"#;
const PROPS: &str =
    r#"DYConfigCallback({"error":0,"data":{"824":{"name":"粉丝荧光棒","pc":10},"195":{"name":"旧飞机","pc":1}}});"#;

#[test]
fn gifts_are_those_of_the_room_and_of_all_rooms() {
    let server = Server::new(|request| if request.path().contains("gift.douyucdn") { json(LIST) } else { json(PROPS) });
    let mut options = options(&server);
    options.clock = clock;
    let directory = Directory::new(options).unwrap();
    let found = directory.gifts(room(9999)).unwrap();
    let gifts: Vec<_> = found.gifts.iter().map(|gift| (gift.id, gift.name.as_str(), gift.price_fen)).collect();
    assert_eq!(gifts, [(195, "飞机", Some(10_000)), (824, "粉丝荧光棒", Some(0)), (20_004, "火箭", Some(50_000))]);
    assert!(found.failed.is_empty());
    let targets: Vec<_> = server.requests().iter().map(|request| request.target().to_owned()).collect();
    let config = "/webconf.douyucdn.cn/resource/common/prop_gift_list/prop_gift_config.json";
    assert_eq!(targets, [config, "/gift.douyucdn.cn/api/gift/v5/web/list?rid=9999"]);

    directory.gifts(room(5)).unwrap();
    assert_eq!(server.paths().iter().filter(|path| *path == config).count(), 1, "large, and the same for all");
    pass(DAY);
    directory.gifts(room(5)).unwrap();
    assert_eq!(server.paths().iter().filter(|path| *path == config).count(), 2);
}

#[test]
fn half_of_the_gifts_are_better_than_none_and_say_what_is_missing() {
    let server =
        Server::new(|request| if request.path().contains("gift.douyucdn") { status(502) } else { json(PROPS) });
    let found = directory(&server).gifts(room(9999)).unwrap();
    assert_eq!(found.gifts.len(), 2);
    let [failure] = &found.failed[..] else { panic!() };
    assert_eq!(failure.to_string(), "gift.douyucdn.cn: the answer is HTTP status 502");
    let server = Server::new(|_| status(502));
    let error = directory(&server).gifts(room(9999)).unwrap_err();
    assert_eq!(tried(&error), [("prop_config", "status"), ("gift_list", "status")]);
    assert!(error.to_string().starts_with("cannot find out the gifts of room 9999: "), "{error}");
}

#[test]
fn a_probe_tries_each_request_once_and_says_how_it_went() {
    let server = Server::new(|request| match request.path().split('/').nth(1).unwrap() {
        "m.douyu.com" => html(r#"斗鱼 {"rid":9999}"#),
        "www.douyu.com" if request.path().contains("betard") => status(403),
        "www.douyu.com" => redirect(302, "https://login.hotel.example/"),
        "open.douyucdn.cn" => json(r#"{"error":0,"data":{}}"#),
        "gift.douyucdn.cn" => html("<html>Hotel"),
        _ => json(PROPS),
    });
    let probes = directory(&server).probe();
    let outcomes: Vec<_> = probes
        .iter()
        .map(|probe| (probe.api.name(), probe.outcome.as_ref().map_or_else(RequestError::name, |()| "ok")))
        .collect();
    let expected = [
        ("mobile_page", "ok"),
        ("web_page", "portal"),
        ("betard", "status"),
        ("room_api", "ok"),
        ("gift_list", "portal"),
        ("prop_config", "ok"),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(server.requests().len(), 6);
    assert_eq!(probes[0].url, format!("{}/m.douyu.com/9999", server.url()));
    assert!(probes.iter().all(|probe| probe.took > Duration::ZERO && probe.took < Duration::from_secs(5)));
}
