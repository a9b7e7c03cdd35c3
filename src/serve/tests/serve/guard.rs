//! Who may speak.

use serve::{Limits, Options, ServeError};

use crate::{raw, start};

#[test]
fn without_the_token_or_from_elsewhere_nothing_is_taken() {
    let here = start(Limits::default());
    let (address, token) = (here.address().to_string(), here.handle().token.clone());
    let body = r#"{"scalar":"a","step":1,"value":1}"#;
    let ask = |host: &str, more: &str| {
        let length = body.len();
        let request = format!(
            "POST /v1/runs/a/records HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
        );
        raw(&address, &request)
    };
    let host = format!("Host: {address}\r\n");
    let right = format!("Authorization: Bearer {token}\r\n");
    let (status, answer) = ask(&host, "");
    assert_eq!(status, 401);
    assert!(
        answer.to_ascii_lowercase().contains("www-authenticate: bearer"),
        "{answer}"
    );
    for wrong in [
        "Authorization: Bearer x\r\n",
        "Authorization: Basic x\r\n",
        "Authorization: \r\n",
    ] {
        assert_eq!(ask(&host, wrong).0, 401, "{wrong}");
    }
    assert_eq!(
        ask(&host, &format!("Authorization: Bearer {}\r\n", &token[1..])).0,
        401
    );
    let port = address.rsplit_once(':').unwrap().1;
    for host in [
        "Host: evil.example\r\n",
        &format!("Host: evil.example:{port}\r\n"),
        "Host: 127.0.0.1:1\r\n",
    ] {
        let (status, answer) = ask(host, &right);
        assert_eq!(status, 403, "{host}");
        assert!(answer.contains("127.0.0.1:"), "{answer}");
    }
    assert!([400, 403].contains(&ask("", &right).0), "without a Host header");
    assert!([400, 403].contains(&ask(&format!("{host}Host: evil.example\r\n"), &right).0));
    for origin in [
        "http://evil.example",
        "null",
        &format!("https://{address}"),
        &format!("http://localhost:{port}"),
    ] {
        assert_eq!(
            ask(&host, &format!("{right}Origin: {origin}\r\n")).0,
            403,
            "{origin}"
        );
    }
    // Health needs no token, but a right Host.
    let health = |host: &str| {
        raw(
            &address,
            &format!("GET /v1/health HTTP/1.1\r\n{host}Connection: close\r\n\r\n"),
        )
    };
    let (status, answer) = health(&host);
    assert!(status == 200 && answer.contains("\"protocol\":1"), "{answer}");
    assert_eq!(health("Host: evil.example\r\n").0, 403);
    assert_eq!(here.runs().len(), 0);

    let here = start(Limits::default());
    let address = here.address().to_string();
    let port = address.rsplit_once(':').unwrap().1;
    let right = format!("Authorization: Bearer {}\r\n", here.handle().token);
    for more in [
        format!("Host: {address}\r\nOrigin: http://{address}\r\n"),
        format!("Host: localhost:{port}\r\n"),
    ] {
        let length = body.len();
        let request = format!(
            "POST /v1/runs/a/records HTTP/1.1\r\n{more}{right}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        assert_eq!(raw(&address, &request).0, 200, "{more}");
    }
    assert_eq!(here.runs()[0].points(), 2);
}

#[test]
fn it_listens_on_loopback_and_starts_only_as_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let options = || Options::new(folder.path());
    let everywhere = Options {
        address: "0.0.0.0".parse().unwrap(),
        ..options()
    };
    assert!(matches!(serve::start(everywhere), Err(ServeError::Remote(_))));
    let short = Options {
        token: Some("short".into()),
        ..options()
    };
    assert!(matches!(serve::start(short), Err(ServeError::Token(_))));
    let first = serve::start(Options {
        token: Some("a token of one's own".replace(' ', "-")),
        ..options()
    });
    let first = first.unwrap();
    assert!(first.url.starts_with("http://127.0.0.1:") && first.token == "a-token-of-one's-own");
    assert!(
        matches!(serve::start(options()), Err(ServeError::Store(_))),
        "one writes at a time"
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let taken = Options {
        port: first.url.rsplit_once(':').unwrap().1.parse().unwrap(),
        ..Options::new(elsewhere.path())
    };
    assert!(matches!(serve::start(taken), Err(ServeError::Listen { .. })));
    drop(first);
    let token = || serve::start(options()).unwrap().token.clone();
    let first = token();
    assert_ne!(first, token());
}
