//! Who may speak: a token, and no page of another origin, even if its name was made to lead here.

use axum::http::{HeaderMap, StatusCode, Uri, header};
use std::net::IpAddr;
use subtle::ConstantTimeEq;

use crate::refusal::Refusal;

/// What a request must show.
pub(crate) struct Guard {
    pub(crate) token: String,
    pub(crate) port: u16,
    /// Names and addresses are taken that are not of this machine's loopback.
    pub(crate) remote: bool,
    /// Further names that lead here, with or without a port.
    pub(crate) hosts: Vec<String>,
}

impl Guard {
    /// Host and Origin: a page elsewhere whose name leads here (DNS rebinding) has its own name in both.
    pub(crate) fn origin(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let forbidden = |why: String| Err(Refusal::new(StatusCode::FORBIDDEN, why));
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return forbidden("one Host header is expected".into());
        };
        let host = host.to_str().unwrap_or_default();
        if !self.is_here(host) {
            let port = self.port;
            return forbidden(format!(
                "Host {host:?}: 127.0.0.1:{port} or localhost:{port} is expected"
            ));
        }
        if uri.authority().is_some_and(|a| a.as_str() != host) {
            return forbidden("the address and the Host header differ".into());
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => Ok(()),
            (Some(origin), None) if origin.as_bytes() == format!("http://{host}").as_bytes() => Ok(()),
            (Some(origin), _) => forbidden(format!(
                "Origin {:?}: none, or http://{host}, is expected",
                String::from_utf8_lossy(origin.as_bytes())
            )),
        }
    }

    fn is_here(&self, host: &str) -> bool {
        let listed = |name: &str| self.hosts.iter().any(|h| h.eq_ignore_ascii_case(name));
        if listed(host) {
            return true;
        }
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, port),
            _ => (host, "80"),
        };
        if port.parse() != Ok(self.port) || port.starts_with('+') {
            return false;
        }
        let address = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
        let address = match address {
            Some(v6) => v6.parse().map(IpAddr::V6),
            None => name.parse().map(IpAddr::V4),
        };
        match address {
            Ok(ip) => ip.is_loopback() || self.remote,
            Err(_) => name.eq_ignore_ascii_case("localhost") || listed(name),
        }
    }

    /// `Authorization: Bearer TOKEN`; `None` where the header is absent.
    pub(crate) fn bearer(&self, headers: &HeaderMap) -> Option<Result<(), Refusal>> {
        let value = headers.get(header::AUTHORIZATION)?.as_bytes();
        let (scheme, token) = value.split_at_checked(7).unwrap_or((value, b""));
        let token = match scheme.eq_ignore_ascii_case(b"bearer ") {
            true => token,
            false => b"",
        };
        Some(self.token(token))
    }

    /// Compared in a time that does not tell where it differs.
    pub(crate) fn token(&self, token: &[u8]) -> Result<(), Refusal> {
        match bool::from(token.ct_eq(self.token.as_bytes())) {
            true => Ok(()),
            false => Err(Refusal::new(
                StatusCode::UNAUTHORIZED,
                "the token that layerscope serve printed is expected, as Authorization: Bearer TOKEN",
            )),
        }
    }
}

/// 256 random bits.
pub(crate) fn random_token() -> Result<String, getrandom::Error> {
    use base64::Engine;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether a token that was given is long and plain enough.
pub(crate) fn objection(token: &str) -> Option<&'static str> {
    let plain = token.bytes().all(|b| b.is_ascii_graphic());
    (token.len() < 16 || !plain).then_some("a token is at least 16 letters, digits or signs, without spaces")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(remote: bool) -> Guard {
        Guard {
            token: "secret-secret-secret".into(),
            port: 6060,
            remote,
            hosts: vec!["trainer.example".into()],
        }
    }

    #[test]
    fn hosts_of_this_machine_pass_and_others_do_not() {
        let good = [
            "127.0.0.1:6060",
            "localhost:6060",
            "LOCALHOST:6060",
            "[::1]:6060",
            "127.5.0.1:6060",
        ];
        let bad = [
            "",
            "127.0.0.1",
            "localhost",
            "localhost:80",
            "evil.example:6060",
            "127.0.0.1.evil.example:6060",
            "localhost.evil.example:6060",
            "localhost:6060:6060",
            "[::1]",
            "[::2]:6060",
            "10.0.0.1:6060",
            "localhost:+6060",
            "::1:6060",
            "127.0.0.1:6060/",
            "localhost@evil:6060",
        ];
        for host in good {
            assert!(guard(false).is_here(host), "{host}");
        }
        for host in bad {
            assert!(!guard(false).is_here(host), "{host}");
        }
        assert!(guard(true).is_here("10.0.0.1:6060"));
        assert!(guard(true).is_here("trainer.example:6060"));
        assert!(!guard(true).is_here("evil.example:6060"));
        let here = Guard {
            port: 80,
            ..guard(false)
        };
        assert!(here.is_here("localhost") && here.is_here("[::1]"));
    }

    #[test]
    fn origins_must_be_absent_or_the_same() {
        let check = |origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost:6060".parse().unwrap());
            origin.map(|o| headers.insert(header::ORIGIN, o.parse().unwrap()));
            guard(false)
                .origin(&Uri::from_static("/v1/health"), &headers)
                .is_ok()
        };
        assert!(check(None) && check(Some("http://localhost:6060")));
        for origin in [
            "null",
            "http://localhost",
            "https://localhost:6060",
            "http://evil.example",
        ] {
            assert!(!check(Some(origin)), "{origin}");
        }
        let two: HeaderMap = ["localhost:6060", "evil.example"]
            .map(|h| (header::HOST, h.parse().unwrap()))
            .into_iter()
            .fold(HeaderMap::new(), |mut map, (k, v)| {
                map.append(k, v);
                map
            });
        assert!(guard(false).origin(&Uri::from_static("/"), &two).is_err());
        let mut one = HeaderMap::new();
        one.insert(header::HOST, "localhost:6060".parse().unwrap());
        assert!(
            guard(false)
                .origin(&Uri::from_static("http://evil.example/"), &one)
                .is_err()
        );
    }

    #[test]
    fn tokens_are_compared_whole_and_are_random() {
        let check = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            guard(false).bearer(&headers).unwrap().is_ok()
        };
        assert!(check("Bearer secret-secret-secret") && check("bearer secret-secret-secret"));
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "secret-secret-secret",
            "Basic secret-secret-secret",
            "Bearer secret-secret-secret ",
            "Bearer secret-secret-secre",
            "Bearer secret-secret-secretx",
        ] {
            assert!(!check(value), "{value:?}");
        }
        assert!(guard(false).bearer(&HeaderMap::new()).is_none());
        let (a, b) = (random_token().unwrap(), random_token().unwrap());
        assert!(a != b && a.len() == 43 && objection(&a).is_none());
        assert!(objection("short").is_some() && objection("with a space in the middle").is_some());
    }
}
