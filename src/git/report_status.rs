//! What a server says after a push (gitprotocol-pack(5), "Report Status"), with or without side bands.

use std::collections::BTreeMap;

use crate::git::error::words;
use crate::git::pktline::{Decoder, Odd, Packet};

/// Most of the server's remarks that are kept.
const REMARKS_BYTES_MAX: usize = 4096;

/// What became of one ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefStatus {
    /// Full name.
    pub name: String,
    /// Why the server refused it; `None` when it took it.
    pub refused: Option<String>,
}

/// A report in the making.
pub(super) struct Report {
    outer: Decoder,
    inner: Decoder,
    side_band: bool,
    ended: bool,
    unpack: Option<Result<(), String>>,
    refs: BTreeMap<String, Option<String>>,
    remarks: Vec<u8>,
    fatal: Option<String>,
}

impl Report {
    /// Starts with nothing said.
    pub(super) fn new(side_band: bool) -> Self {
        Self {
            outer: Decoder::default(),
            inner: Decoder::default(),
            side_band,
            ended: false,
            unpack: None,
            refs: BTreeMap::new(),
            remarks: Vec::new(),
            fatal: None,
        }
    }

    /// Takes in a piece of the answer.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Odd> {
        if !self.side_band {
            self.inner.feed(bytes);
            return self.read_lines();
        }
        self.outer.feed(bytes);
        while let Some(packet) = self.outer.next()? {
            let Packet::Line(line) = packet else { continue };
            match line.split_first() {
                Some((1, status)) => {
                    self.inner.feed(status);
                    self.read_lines()?;
                }
                Some((2, remark)) => self.remark(remark),
                Some((3, fatal)) => self.fatal = Some(words(fatal)),
                // An empty line keeps the connection alive.
                None => {}
                Some(_) => return Err(Odd("a side band that does not exist")),
            }
        }
        Ok(())
    }

    fn remark(&mut self, remark: &[u8]) {
        self.remarks.extend_from_slice(remark);
        let surplus = self.remarks.len().saturating_sub(REMARKS_BYTES_MAX);
        self.remarks.drain(..surplus);
    }

    fn read_lines(&mut self) -> Result<(), Odd> {
        while let Some(packet) = self.inner.next()? {
            let Packet::Line(line) = packet else {
                self.ended = true;
                continue;
            };
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            if let Some(said) = line.strip_prefix(b"unpack ") {
                self.unpack = Some(if said == b"ok" { Ok(()) } else { Err(words(said)) });
            } else if let Some(name) = line.strip_prefix(b"ok ") {
                self.refs.insert(String::from_utf8_lossy(name).into_owned(), None);
            } else if let Some(said) = line.strip_prefix(b"ng ") {
                let said = String::from_utf8_lossy(said);
                let (name, reason) = said.split_once(' ').unwrap_or((&said, "no reason given"));
                self.refs.insert(name.to_owned(), Some(words(reason.as_bytes())));
            } else if !line.starts_with(b"option ") {
                return Err(Odd("an unknown line in the report on the push"));
            }
        }
        Ok(())
    }

    /// The outcome for the refs that were sent, or why the push failed as a whole.
    pub(super) fn finish<'a>(
        self,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<RefStatus>, String> {
        let remarks = words(&self.remarks);
        let with_remarks = |said: String| {
            if remarks.is_empty() { said } else { format!("{said} ({remarks})") }
        };
        if let Some(fatal) = self.fatal {
            return Err(with_remarks(fatal));
        }
        match self.unpack {
            Some(Ok(())) if self.ended && self.outer.is_empty() && self.inner.is_empty() => {}
            Some(Err(said)) => return Err(with_remarks(format!("the pack was refused: {said}"))),
            _ => return Err(with_remarks("the report on the push is cut short".to_owned())),
        }
        let mut refs = self.refs;
        let status = |name: &str| RefStatus {
            refused: refs
                .remove(name)
                .unwrap_or_else(|| Some("the server did not say".to_owned()))
                .map(&with_remarks),
            name: name.to_owned(),
        };
        Ok(names.map(status).collect())
    }
}

#[cfg(test)]
mod unit {
    use super::*;
    use crate::git::pktline::{FLUSH, line};

    fn lines(rows: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        rows.iter().for_each(|row| line(&mut bytes, row.as_bytes()));
        bytes.extend_from_slice(FLUSH);
        bytes
    }

    fn banded(band: u8, bytes: &[u8], out: &mut Vec<u8>) {
        for piece in bytes.chunks(7) {
            line(out, &[&[band], piece].concat());
        }
    }

    fn outcome(side_band: bool, bytes: &[u8]) -> Result<Vec<RefStatus>, String> {
        let mut report = Report::new(side_band);
        for piece in bytes.chunks(3) {
            report.feed(piece).map_err(|odd| odd.0.to_owned())?;
        }
        report.finish(["refs/heads/a", "refs/heads/b"].into_iter())
    }

    #[test]
    fn says_what_became_of_each_ref() {
        let rows =
            ["unpack ok\n", "ok refs/heads/a\n", "ng refs/heads/b pre-receive hook declined\n"];
        let plain = outcome(false, &lines(&rows)).expect("sound");
        assert_eq!(plain[0].refused, None);
        assert_eq!(plain[1].refused.as_deref(), Some("pre-receive hook declined"));
        let mut bytes = Vec::new();
        banded(2, b"remote: too\x1b big\n", &mut bytes);
        banded(1, &lines(&rows), &mut bytes);
        bytes.extend_from_slice(FLUSH);
        let banded = outcome(true, &bytes).expect("sound");
        let reason = banded[1].refused.as_deref().expect("refused");
        assert_eq!(reason, "pre-receive hook declined (remote: too\\u{1b} big)");
    }

    #[test]
    fn silence_is_no_consent() {
        let silent = outcome(false, &lines(&["unpack ok\n", "ok refs/heads/a\n"])).expect("sound");
        assert!(silent[1].refused.is_some());
        let whole = lines(&["unpack ok\n", "ok refs/heads/a\n"]);
        for cut in 0..whole.len() {
            assert!(outcome(false, &whole[..cut]).is_err(), "cut at {cut}");
        }
        assert!(outcome(false, &lines(&["unpack index-pack abnormal exit\n"])).is_err());
        let mut fatal = Vec::new();
        banded(3, b"disk", &mut fatal);
        assert_eq!(outcome(true, &fatal).expect_err("fatal"), "disk");
        assert!(outcome(true, &lines(&["\x09x"])).is_err());
    }
}
