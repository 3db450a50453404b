//! Addresses at Douyu, and where a `Location` leads from one. Pure.

use std::fmt;

/// `http(s)://HOST/PATH?QUERY`, without a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) https: bool,
    /// In lower case; with a port or a user where one is given that is not the usual.
    pub(super) host: String,
    /// Path and query, as they go on the wire: begins with a slash, ASCII without blanks.
    pub(super) target: String,
}

/// Not an address that can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoUrl;

impl Url {
    /// An address at a host of ours.
    pub(super) fn https(host: &str, target: String) -> Self {
        Self { https: true, host: host.to_owned(), target }
    }

    /// Reads an absolute address.
    pub(super) fn parse(text: &str) -> Result<Self, NoUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(NoUrl)?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(NoUrl),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let target = target.split('#').next().unwrap_or_default();
        let slash = if target.starts_with('/') { "" } else { "/" };
        if authority.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(NoUrl);
        }
        let usual = if https { ":443" } else { ":80" };
        let host = authority.to_ascii_lowercase();
        let host = host.strip_suffix(usual).unwrap_or(&host).to_owned();
        Ok(Self { https, host, target: format!("{slash}{target}") })
    }

    /// Where a `Location` leads that this address answered with.
    pub(super) fn join(&self, location: &str) -> Result<Self, NoUrl> {
        let scheme = if self.https { "https" } else { "http" };
        let path = self.path();
        if location.starts_with("//") {
            return Self::parse(&format!("{scheme}:{location}"));
        }
        // A colon before any slash ends a scheme.
        let relative = location.split(['/', '?', '#']).next().is_some_and(|first| !first.contains(':'));
        if !relative {
            return Self::parse(location);
        }
        let target = match location.chars().next() {
            None | Some('#') => self.target.clone(),
            Some('/') => location.to_owned(),
            Some('?') => format!("{path}{location}"),
            Some(_) => format!("{}{location}", &path[..=path.rfind('/').unwrap_or(0)]),
        };
        Self::parse(&format!("{scheme}://{}{target}", self.host))
    }

    /// Without the query.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first value of a key in the query, as it stands.
    pub(super) fn query(&self, key: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Whether the host is Douyu's own: `douyu.com`, where its pages are, or a host under it.
    pub(super) fn is_page_host(&self) -> bool {
        is_under(&self.host, "douyu.com")
    }

    /// Whether the host is Douyu's own, its data hosts included.
    pub(super) fn is_douyu(&self) -> bool {
        self.is_page_host() || is_under(&self.host, "douyucdn.cn")
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.host, self.target)
    }
}

fn is_under(host: &str, domain: &str) -> bool {
    let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    plain && host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, written) in [
            ("https://www.douyu.com/9999?a=b#c", "https://www.douyu.com/9999?a=b"),
            ("HTTPS://WWW.Douyu.com", "https://www.douyu.com/"),
            ("http://douyu.com:80?x", "http://douyu.com/?x"),
            ("https://douyu.com:443/", "https://douyu.com/"),
            ("https://douyu.com:80/", "https://douyu.com:80/"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), written);
        }
        for text in ["", "douyu.com", "ftp://douyu.com/", "https:///x", "https://douyu.com/a b", "https://douyu.com/斗"]
        {
            assert_eq!(Url::parse(text), Err(NoUrl), "{text}");
        }
    }

    #[test]
    fn a_location_leads_on_from_where_it_was_given() {
        let from = Url::parse("https://www.douyu.com/topic/x?a=1").unwrap();
        for (location, to) in [
            ("/288016", "https://www.douyu.com/288016"),
            ("y", "https://www.douyu.com/topic/y"),
            ("?rid=5", "https://www.douyu.com/topic/x?rid=5"),
            ("//m.douyu.com/5", "https://m.douyu.com/5"),
            ("http://evil.example/5", "http://evil.example/5"),
            ("/x?to=http://a/", "https://www.douyu.com/x?to=http://a/"),
            ("#top", "https://www.douyu.com/topic/x?a=1"),
        ] {
            assert_eq!(from.join(location).unwrap().to_string(), to, "{location}");
        }
        for location in ["javascript:alert(1)", "ftp://douyu.com/", "/a b", "https://"] {
            assert_eq!(from.join(location), Err(NoUrl), "{location}");
        }
    }

    #[test]
    fn only_hosts_of_douyu_are_douyu() {
        for host in ["douyu.com", "www.douyu.com", "gift.douyucdn.cn"] {
            assert!(Url::https(host, "/".to_owned()).is_douyu(), "{host}");
        }
        for host in ["evildouyu.com", "douyu.com.evil.example", "me@douyu.com", "www.douyu.com:22", "evil/.douyu.com"] {
            assert!(!Url::https(host, "/".to_owned()).is_douyu(), "{host}");
        }
        assert!(!Url::https("gift.douyucdn.cn", "/".to_owned()).is_page_host());
    }

    #[test]
    fn the_query_is_looked_up_by_whole_keys() {
        let url = Url::parse("https://douyu.com/x?brid=1&rid=2&rid=3").unwrap();
        assert_eq!((url.query("rid"), url.query("id"), url.path()), (Some("2"), None, "/x"));
    }
}
