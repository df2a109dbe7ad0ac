//! The proxy against a server of a dozen lines that echoes what it is sent.

use std::io::Read as _;
use std::time::Instant;

use super::*;
use crate::support::http::{get, request, try_request};
use log::Kind;

/// Answers with the request's method, path and body, in chunks; forty requests at most.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten().take(40) {
            let mut input = BufReader::new(stream.try_clone().unwrap());
            let Ok(Some(head)) = wire::read_head(&mut input) else { continue };
            let Ok(body) = wire::read_request_body(&head, &mut input) else { continue };
            let text = format!("{} {} ", head.word(0), head.word(1));
            let mut out = stream;
            let _ = out
                .write_all(b"HTTP/1.1 200 OK\r\nX-Echo: yes\r\nTransfer-Encoding: chunked\r\n\r\n");
            for part in [text.as_bytes(), &body] {
                if !part.is_empty() {
                    let _ = out.write_all(format!("{:x}\r\n", part.len()).as_bytes());
                    let _ = out.write_all(part);
                    let _ = out.write_all(b"\r\n");
                }
            }
            let _ = out.write_all(b"0\r\n\r\n");
        }
    });
    url
}

fn proxy() -> FaultProxy {
    FaultProxy::before(&echo())
}

#[test]
fn without_rules_it_only_writes_down() {
    let proxy = proxy();
    let url = format!("{}/v2/a/blobs/uploads/1", proxy.url());
    let answer = request("PUT", &url, &[], b"body");
    assert_eq!((answer.status, answer.text().as_str()), (200, "PUT /v2/a/blobs/uploads/1 body"));
    assert_eq!(answer.header("x-echo"), Some("yes"));
    let log = proxy.take_log();
    assert_eq!((log.count("PUT", Kind::Upload), log.sent_bytes()), (1, 4));
    assert_eq!(log.writes().len(), 1);
    assert_eq!(proxy.log().0.len(), 0);
}

#[test]
fn the_nth_match_is_answered_by_the_script() {
    let proxy = proxy();
    proxy.rule(on("GET", "/v2/").nth(2).answer(429, &[("Retry-After", "7")], b"slow down"));
    let url = format!("{}/v2/", proxy.url());
    assert_eq!(get(&url).status, 200);
    let refused = get(&url);
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("7")));
    assert_eq!(refused.text(), "slow down");
    assert_eq!(get(&url).status, 200);
    assert_eq!(proxy.log().lines(), "GET /v2/ 200\nGET /v2/ 429 (fault)\nGET /v2/ 200\n");
}

#[test]
fn a_burst_ends_and_the_next_rule_has_its_turn() {
    let proxy = proxy();
    proxy.rule(on("*", "").first(2).answer(500, &[], b""));
    proxy.rule(on("*", "").first(3).answer(503, &[], b""));
    let statuses: Vec<u16> = (0..4).map(|_| get(&proxy.url()).status).collect();
    assert_eq!(statuses, [500, 500, 503, 200]);
}

#[test]
fn a_challenge_stands_until_the_right_answer() {
    let proxy = proxy();
    proxy.rule(on("*", "/v2/").require("Bearer good", "Bearer realm=\"x\""));
    let url = format!("{}/v2/", proxy.url());
    let refused = get(&url);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"x\""));
    let allowed = request("GET", &url, &[("Authorization", "Bearer good")], b"");
    assert_eq!((refused.status, allowed.status), (401, 200));
}

#[test]
fn connections_are_cut_where_the_rule_says() {
    let proxy = proxy();
    proxy.rule(on("GET", "/cut").cut_answer(3));
    proxy.rule(on("PUT", "/up").cut_request(2));
    proxy.rule(on("PUT", "/lost").lose_answer());
    let ask =
        |method, path: &str| try_request(method, &format!("{}{path}", proxy.url()), &[], b"12345");
    for (method, path) in [("GET", "/cut"), ("PUT", "/up"), ("PUT", "/lost")] {
        assert!(ask(method, path).is_err(), "{path}");
    }
    assert!(ask("PUT", "/other").is_ok());
}

#[test]
fn bytes_and_lengths_are_falsified() {
    let proxy = proxy();
    proxy.rule(on("GET", "/flip").flip_answer(0));
    proxy.rule(on("PUT", "/flip").flip_request(0));
    proxy.rule(on("GET", "/long").lie_about_length(5));
    proxy.rule(on("GET", "/short").lie_about_length(-2));
    proxy.rule(on("GET", "/head").set_header("X-Echo", "no"));
    proxy.rule(on("GET", "/none").drop_header("X-Echo"));
    let url = |path: &str| format!("{}{path}", proxy.url());
    assert_eq!(get(&url("/flip")).text(), "FET /flip ");
    assert_eq!(request("PUT", &url("/flip"), &[], b"abc").text(), "PUT /flip `bc");
    assert!(try_request("GET", &url("/long"), &[], b"").is_err());
    assert_eq!(get(&url("/short")).text(), "GET /shor");
    assert_eq!(get(&url("/head")).header("x-echo"), Some("no"));
    assert_eq!(get(&url("/none")).header("x-echo"), None);
}

#[test]
fn it_delays_and_goes_down_and_comes_back() {
    let proxy = proxy();
    proxy.rule(on("GET", "/late").delay(Duration::from_millis(120)));
    let start = Instant::now();
    get(&format!("{}/late", proxy.url()));
    assert!(start.elapsed() >= Duration::from_millis(120));
    proxy.down(true);
    assert!(try_request("GET", &proxy.url(), &[], b"").is_err());
    proxy.down(false);
    assert_eq!(get(&proxy.url()).status, 200);
}

#[test]
fn one_connection_carries_many_requests() {
    let proxy = proxy();
    let mut stream = connect(&proxy.host()).unwrap();
    stream
        .write_all(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("GET /1 ") && text.contains("GET /2 "), "{text}");
}
