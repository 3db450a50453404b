//! Makes up an evening and records it, so that pictures in the documentation can be made again:
//!
//! ```sh
//! cargo run --release --example evening -- evening.db
//! danmu report evening.db -o evening
//! ```
//!
//! More arguments: a seed, and how many evenings, day after day. The same seed always makes the same evening. All of it is made up: names, words and gifts are put together by chance.

#![allow(clippy::print_stderr, reason = "an example says what is wrong")]

use std::path::Path;
use std::process::ExitCode;

use danmu_proto::stt::Writer;
use danmu_proto::summary::GiftKind;
use danmu_proto::{Batch, LinkId, RoomId};
use danmu_sinks::recording::writer::{CatalogGift, RoomState};
use danmu_sinks::{Recorder, RecorderOptions};
use fastrand::Rng;

const SECOND_US: i64 = 1_000_000;
/// 19:30 in China.
const BEGIN_US: i64 = 1_795_260_600 * SECOND_US;
/// Four hours and ten minutes.
const SECONDS: u32 = 15_000;
/// Nobody listened: from, to.
const GAP: (u32, u32) = (8640, 9010);
const ROOM: u64 = 9999;

/// What is said at any time.
const ANYTIME: &[&str] = &[
    "666",
    "哈哈哈哈",
    "主播好",
    "？？？",
    "来了来了",
    "可以的",
    "[emot:dy110][emot:dy110]",
    "笑死我了",
    "晚上好",
    "[emot:dy101]",
    "主播声音好好听",
    "牛啊",
    "稳住别急",
    "打野在干嘛",
    "主播什么时候唱歌",
    "打卡",
    "真下饭",
    "[emot:dy128]",
    "推塔推塔",
    "这操作可以",
    "能打能打",
    "好听",
    "[emot:dy102]哈哈",
    "冲[emot:dy121]",
    "[emot:dy104]",
    "[emot:dy116][emot:dy116]",
    "[emot:dy103]",
    "[emot:dy115]",
    "太菜了",
    "抢龙啊",
    "这也行",
    "这个皮肤好看",
    "能不能玩一把中单",
    "今天状态不错",
    "要翻盘了",
    "今晚几点下播",
    "这英雄怎么出装",
    "签到",
    "关注了",
    "队友好难受",
    "弹幕好少",
    "这阵容能赢",
    "逆风局了",
    "对面打野好烦",
    "主播辛苦了",
    "下一把玩什么",
    "第一次来",
    "我上我也行",
    "排位还是匹配",
    "经济差太多",
    "保护射手",
    "画质可以",
    "慢慢来",
    "别送了",
    "段位多少了",
    "带线带线",
    "卡了吗",
    "弹幕护体",
    "刚来，打到哪了",
    "粉丝牌怎么拿",
    "主播吃了吗",
    "不卡啊",
    "谢谢老板",
    "这首歌叫什么",
    "明天还播吗",
    "求歌名",
    "这波我看懂了",
    "老粉报到",
    "声音有点小",
    "这把有希望",
    "前排围观",
];

/// Something happens: when in seconds, how long people talk of it, how much more they say, and what.
struct Moment {
    at: u32,
    lasts: u32,
    times: f64,
    says: &'static [&'static str],
}

const MOMENTS: &[Moment] = &[
    Moment {
        at: 1500,
        lasts: 50,
        times: 6.0,
        says: &["三杀！", "三杀了", "这波操作太秀了", "666", "6666", "秀啊", "[emot:dy110]"],
    },
    Moment {
        at: 2950,
        lasts: 60,
        times: 5.0,
        says: &["哈哈哈哈哈", "笑死我了", "真下饭", "下饭操作", "送了送了", "绷不住了", "[emot:dy101]"],
    },
    Moment {
        at: 4480,
        lasts: 75,
        times: 9.0,
        says: &[
            "五杀！！！",
            "五杀",
            "卧槽五杀",
            "名场面",
            "太秀了",
            "起飞",
            "芜湖起飞",
            "666666",
            "[emot:dy110][emot:dy110]",
        ],
    },
    Moment {
        at: 5700, lasts: 45, times: 4.5, says: &["掉线了？", "卡了", "没声音", "黑屏了", "？？？", "主播人呢"]
    },
    Moment {
        at: 7350,
        lasts: 90,
        times: 6.5,
        says: &["抽奖了", "抽奖抽奖", "中奖", "吸欧气", "欧皇", "没中", "非酋", "1"],
    },
    Moment {
        at: 9600,
        lasts: 55,
        times: 5.0,
        says: &["被偷家了", "偷家了偷家了", "离谱", "翻车了", "翻车现场", "破防了", "寄"],
    },
    Moment {
        at: 11_200,
        lasts: 80,
        times: 8.0,
        says: &["让二追三", "翻盘了！", "逆风翻盘", "晋级了", "上王者了", "恭喜主播", "泪目", "爷青回", "666"],
    },
    Moment {
        at: 13_300,
        lasts: 100,
        times: 5.5,
        says: &["好听", "好听哭了", "安可", "再来一首", "神仙声音", "爱了爱了", "[emot:dy128]", "这首歌绝了"],
    },
    Moment {
        at: 14_650,
        lasts: 110,
        times: 5.0,
        says: &["晚安", "主播晚安", "下播了", "明天见", "辛苦了", "早点休息", "[emot:dy128]"],
    },
];

/// Number, name, price in fen, and how often in a thousand.
const GIFTS: &[(u64, &str, u64, u32)] = &[
    (824, "粉丝荧光棒", 10, 560),
    (20_006, "赞", 10, 190),
    (20_541, "大气", 100, 110),
    (20_542, "666", 600, 78),
    (20_002, "办卡", 600, 34),
    (20_003, "飞机", 10_000, 20),
    (20_004, "火箭", 50_000, 7),
    (20_005, "超级火箭", 200_000, 1),
];
const PAID: &[&str] = &[
    "主播辛苦了，早点休息",
    "今天生日，求一句祝福",
    "点歌：一首关于夏天的歌",
    "从第一天就在看了，一直支持你",
    "祝大家天天开心",
    "带我打一把吧",
    "五杀那波我存了回放",
    "考试加油，和大家一起",
];
const MEDALS: &[&str] =
    &["小鱼干", "小鱼干", "小鱼干", "小鱼干", "小鱼干", "星河", "汽水", "大橘", "晚安", "拿铁", "土豆", "海盐"];
const FIRST: &[&str] = &[
    "爱吃",
    "不会飞的",
    "深夜",
    "江南",
    "一只",
    "路过的",
    "温柔的",
    "想睡觉的",
    "云上",
    "北极",
    "慢半拍",
    "迷路的",
    "住在月亮上的",
    "安静的",
    "追风的",
    "骑着",
    "会游泳的",
    "快乐的",
];
const SECOND: &[&str] = &[
    "小鱼干",
    "老猫",
    "汽水",
    "橘子",
    "企鹅",
    "土豆",
    "星星",
    "西瓜皮",
    "小笼包",
    "长颈鹿",
    "豆腐",
    "晚风",
    "仙人掌",
    "柠檬",
    "熊猫",
    "河马",
    "年糕",
    "雨伞",
    "蘑菇",
    "海豚",
    "番茄",
];
const THIRD: &[&str] = &["", "", "", "", "丶", "_", "呀", "酱", "er", "OvO"];

/// A viewer, who follows from the seed and a rank.
struct Person {
    uid: u64,
    name: String,
    level: u32,
    medal: Option<(&'static str, u32)>,
}

/// What is made up, second by second.
struct Evening {
    rng: Rng,
    seed: u64,
    ids: u64,
}

impl Evening {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.rng.usize(..from.len())]
    }

    /// The first ones more often than the last.
    fn often<T: Copy>(&mut self, from: &[T]) -> T {
        let share = self.rng.f64().powf(2.2);
        from[(share * from.len() as f64) as usize]
    }

    /// The first few are heard again and again, the last hardly ever.
    fn someone(&mut self) -> Person {
        let octave = self.rng.u32(2..11);
        let rank = (1 << octave) + self.rng.u32(0..1 << octave);
        let mut rng = Rng::with_seed(self.seed ^ (u64::from(rank) << 20));
        let pick = |rng: &mut Rng, from: &[&'static str]| from[rng.usize(..from.len())];
        let name = match rng.u32(0..10) {
            0 => format!("用户{}", rng.u32(10_000_000..99_999_999)),
            _ => format!("{}{}{}", pick(&mut rng, FIRST), pick(&mut rng, SECOND), pick(&mut rng, THIRD)),
        };
        let level = rng.u32(1..52).min(rng.u32(1..80)) + if rank < 16 { 24 } else { 0 };
        let medal = rng.bool().then(|| (pick(&mut rng, MEDALS), rng.u32(1..28)));
        Person { uid: rng.u64(100_000..500_000_000), name, level, medal }
    }

    fn sent_by(writer: Writer, person: &Person) -> Writer {
        let (medal, level) = person.medal.unwrap_or(("", 0));
        let room = if medal.is_empty() { 0 } else { ROOM };
        let writer = writer.pair("rid", ROOM).pair("uid", person.uid).pair("nn", &person.name);
        writer.pair("level", person.level).pair("bnn", medal).pair("bl", level).pair("brid", room)
    }

    fn chat(&mut self, text: &str, now_us: i64) -> String {
        let person = self.someone();
        self.ids += 1;
        let writer = Self::sent_by(Writer::new().pair("type", "chatmsg"), &person).pair("txt", text);
        let writer = writer.pair("cid", format!("{:016x}{:016x}", self.seed, self.ids));
        writer.pair("cst", now_us / 1000 - self.rng.i64(100..900)).pair("dms", 4).pair("if", 1).finish()
    }

    fn gift(&mut self) -> String {
        let person = self.someone();
        let mut left = self.rng.u32(0..GIFTS.iter().map(|gift| gift.3).sum());
        let gift = GIFTS.iter().find(|gift| {
            let found = left < gift.3;
            left = left.saturating_sub(gift.3);
            found
        });
        let (number, name, ..) = *gift.unwrap_or(&GIFTS[0]);
        let many = if number == 824 { self.pick(&[1, 1, 6, 10, 66]) } else { 1 };
        let writer = Self::sent_by(Writer::new().pair("type", "dgb").pair("gfid", number), &person);
        writer.pair("gfn", name).pair("gfcnt", many).pair("hits", many).pair("bst", 7).finish()
    }

    fn super_chat(&mut self, now_us: i64) -> String {
        let person = self.someone();
        let (fen, seconds) = self.pick(&[(1000, 30), (1000, 30), (3000, 60), (5000, 120)]);
        let text = self.pick(PAID);
        let inner = Self::sent_by(Writer::new().pair("type", "chatmsg"), &person).pair("txt", text).finish();
        let writer = Writer::new().pair("btype", "voiceDanmu").pair("chatmsg", inner).pair("range", 2);
        let writer = writer.pair("cprice", fen).pair("type", "comm_chatmsg").pair("rid", ROOM).pair("uid", person.uid);
        writer.pair("crealPrice", fen).pair("cet", seconds).pair("now", now_us / 1000).finish()
    }

    fn enter(&mut self) -> String {
        let person = self.someone();
        Self::sent_by(Writer::new().pair("type", "uenter"), &person).finish()
    }

    /// Everything of one second.
    fn second(&mut self, second: u32, now_us: i64) -> Vec<String> {
        // More come in the first hour, and leave in the last half.
        let share = f64::from(second) / f64::from(SECONDS);
        let base = 0.45 + 0.75 * (share * 4.0).min(1.0) * ((1.0 - share) * 7.0).min(1.0) + 0.12 * (share * 40.0).sin();
        let mut payloads = Vec::new();
        for _ in 0..self.poisson(base) {
            let text = self.often(ANYTIME);
            payloads.push(self.chat(text, now_us));
        }
        let mut excited = 0.0;
        for moment in MOMENTS {
            if (moment.at..moment.at + moment.lasts).contains(&second) {
                let gone = f64::from(second - moment.at) / f64::from(moment.lasts);
                let rises = (gone * 6.0).min(1.0) * (1.0 - gone).powf(0.7);
                excited = moment.times * rises;
                for _ in 0..self.poisson(base * excited) {
                    let text = self.pick(moment.says);
                    payloads.push(self.chat(text, now_us));
                }
            }
        }
        for _ in 0..self.poisson(0.1 + 0.05 * excited) {
            payloads.push(self.gift());
        }
        if self.rng.f64() < 0.0025 + 0.004 * excited {
            payloads.push(self.super_chat(now_us));
        }
        for _ in 0..self.poisson(0.3 * base) {
            payloads.push(self.enter());
        }
        self.rng.shuffle(&mut payloads);
        payloads
    }

    /// How often something happens that happens so often on the average.
    fn poisson(&mut self, mean: f64) -> u32 {
        let limit = (-mean).exp();
        let (mut count, mut product) = (0, self.rng.f64());
        while product > limit {
            count += 1;
            product *= self.rng.f64();
        }
        count
    }
}

fn record(path: &Path, seed: u64, nights: u32) -> Result<(), Box<dyn std::error::Error>> {
    let room = RoomId::new(ROOM).ok_or("no room")?;
    let mut recorder = Recorder::open(path, RecorderOptions::default(), BEGIN_US)?;
    let state = RoomState {
        live: Some(true),
        title: Some("今晚冲王者，输了唱歌".to_owned()),
        owner: Some("阿岚".to_owned()),
        owner_uid: Some(4_242_424),
        category: Some("王者荣耀".to_owned()),
    };
    recorder.room_state(room, state, BEGIN_US);
    for &(id, name, price_fen, _) in GIFTS {
        recorder.gift(CatalogGift {
            kind: GiftKind::Gift,
            id,
            name: Some(name.to_owned()),
            price_fen: Some(price_fen),
        });
    }
    let mut evening = Evening { rng: Rng::with_seed(seed), seed, ids: 0 };
    let mut end_us = BEGIN_US;
    for night in 0..nights {
        let begin_us = BEGIN_US + i64::from(night) * 86_400 * SECOND_US;
        end_us = listen(&mut recorder, &mut evening, room, u64::from(night), begin_us)?;
    }
    recorder.finish(end_us)?;
    Ok(())
}

/// Records one evening, and says when it ended.
fn listen(
    recorder: &mut Recorder,
    evening: &mut Evening,
    room: RoomId,
    night: u64,
    begin_us: i64,
) -> Result<i64, Box<dyn std::error::Error>> {
    let at = |second: u32| begin_us + i64::from(second) * SECOND_US;
    let mut link = LinkId(2 * night + 1);
    recorder.want(room, at(0));
    recorder.link_opened(link, room, "tcp://127.0.0.1:8601", at(0));
    for second in 0..SECONDS {
        let now_us = at(second);
        let payloads = evening.second(second, now_us);
        if second == GAP.0 {
            recorder.link_ended(link, now_us, now_us + 100 * SECOND_US, "silence");
        } else if second == GAP.1 {
            link = LinkId(2 * night + 2);
            recorder.link_opened(link, room, "tcp://127.0.0.1:8602", now_us);
        }
        if (GAP.0..GAP.1).contains(&second) {
            continue;
        }
        let each_us = SECOND_US / (payloads.len() as i64 + 1);
        for (payload, nth) in payloads.iter().zip(1..) {
            let mut batch = Batch::new();
            batch.push(payload.as_bytes(), false);
            recorder.records(&batch.freeze(room, link, now_us + nth * each_us));
        }
        if second % 60 == 0 {
            recorder.commit(now_us)?;
        }
    }
    recorder.link_ended(link, at(SECONDS), at(SECONDS), "closed");
    recorder.unwant(room, at(SECONDS));
    recorder.commit(at(SECONDS))?;
    Ok(at(SECONDS))
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "evening.db".to_owned());
    let seed = arguments.next().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let nights = arguments.next().and_then(|nights| nights.parse().ok()).unwrap_or(1);
    if Path::new(&path).exists() {
        eprintln!("{path} is there already; name another file");
        return ExitCode::FAILURE;
    }
    match record(Path::new(&path), seed, nights) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
