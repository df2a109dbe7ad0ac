//! The page for a person with a browser: what is here, by name.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;

use crate::serve::answer::with_body;

/// One plain list of repositories and git repositories.
pub(super) fn answer(repositories: &[String], git: &[String]) -> Response {
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Haversack</title>\n\
         <h1>Haversack</h1>\n",
    );
    section(&mut html, "Registry", repositories, |name| format!("/v2/{name}/tags/list"));
    section(&mut html, "Git", git, |name| format!("/git/{name}"));
    html.push_str("</html>\n");
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    with_body(StatusCode::OK, &headers, Body::from(html))
}

fn section(html: &mut String, title: &str, names: &[String], link: fn(&str) -> String) {
    let _ = writeln!(html, "<h2>{title}</h2>\n<ul>");
    for name in names {
        let (name, link) = (escape(name), escape(&link(name)));
        let _ = writeln!(html, "<li><a href=\"{link}\">{name}</a></li>");
    }
    if names.is_empty() {
        html.push_str("<li>nothing yet</li>\n");
    }
    html.push_str("</ul>\n");
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        assert_eq!(escape("<b a=\"'&'\">"), "&lt;b a=&quot;&#39;&amp;&#39;&quot;&gt;");
    }
}
