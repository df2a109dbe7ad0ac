//! Pushes a carried pack to a git server over smart HTTP, without git (gitprotocol-http(5), gitprotocol-pack(5)).
//!
//! 1. `GET info/refs?service=git-receive-pack`: what is there. Always protocol version 0: pushes know no other
//! 2. `POST git-receive-pack` with `0000`: whoever wants credentials says so before gigabytes are on their way
//! 3. `POST git-receive-pack` with the commands and the pack
//! 4. the report: what became of each ref
//!
//! Every command names the value that the ref must have now, so sending a push again does no harm.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use tokio::time::timeout;
use url::Url;

use crate::git::advertisement::Advertisement;
use crate::git::bundle_file::ObjectFormat;
use crate::git::error::{GitError, words};
use crate::git::pktline::{FLUSH, line};
use crate::git::refs::{check_object_id, check_ref_name};
use crate::git::report_status::{RefStatus, Report};
use crate::git::upload::{PackSource, Upload};
use crate::limits;
use crate::net::{Answer, NetError, Network, host_of, shown};
use crate::report::Task;
use crate::secret::Secret;

const RECEIVE_PACK: &str = "git-receive-pack";
const UPLOAD_PACK: &str = "git-upload-pack";
/// How often progress is told and silence is looked for.
const TICK: Duration = Duration::from_millis(250);

/// One ref that is to be made, moved or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    /// Full name.
    pub name: String,
    /// What it points to now; `None` when it must not exist.
    pub old: Option<String>,
    /// What it is to point to; `None` deletes it.
    pub new: Option<String>,
}

/// A repository on a git server.
pub struct Remote {
    network: Network,
    /// Where the repository is: given, or where the server sent us on the same host.
    base: Mutex<Url>,
    credentials: Option<(String, Secret<String>)>,
    /// Set once the server has asked for the credentials and taken them.
    authorised: AtomicBool,
    /// What the server said last about pushing.
    known: Mutex<Option<Advertisement>>,
}

impl Remote {
    /// Takes a repository's URL and, for Basic authentication (RFC 7617), a user with a password or token. Credentials
    /// inside of the URL are dropped. Nothing is asked yet.
    pub fn new(
        network: Network,
        mut url: Url,
        credentials: Option<(String, Secret<String>)>,
    ) -> Self {
        // Fails only for URLs that cannot have a user; those are refused when they are asked.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_fragment(None);
        let authorised = AtomicBool::new(false);
        Self { network, base: Mutex::new(url), credentials, authorised, known: Mutex::default() }
    }

    /// What the repository has, as a push sees it. `exists` is false when the server answers 404.
    pub async fn advertised(&self) -> Result<Advertisement, GitError> {
        let found = self.refs(RECEIVE_PACK).await?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        Ok(found)
    }

    /// What the repository has, as a clone sees it: with the branch that `HEAD` names.
    pub async fn upload_pack_refs(&self) -> Result<Advertisement, GitError> {
        self.refs(UPLOAD_PACK).await
    }

    /// Sends the commands, and the pack where one is needed, in one push.
    ///
    /// `atomic` means all refs or none where the server can do that; see [`Advertisement::can`]. `pack` is `None` when the
    /// server has every object, or when refs are only deleted. The answer has one entry for each command, in their order.
    /// A ref that stands as wanted counts as taken, whoever moved it.
    pub async fn push(
        &self,
        commands: &[RefUpdate],
        atomic: bool,
        pack: Option<&PackSource>,
        task: &Task,
    ) -> Result<Vec<RefStatus>, GitError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let server = match known {
            Some(known) => known,
            None => self.advertised().await?,
        };
        let head = self.head(commands, atomic, &server)?;
        self.probe().await?;
        let deletes_only = commands.iter().all(|command| command.new.is_none());
        let upload = Upload::new(head, if deletes_only { None } else { pack.cloned() });
        let upload = if deletes_only || pack.is_some() {
            upload
        } else {
            upload.with_empty_pack(format_of(commands))
        };
        let answer = self.send(&upload, task).await?;
        let report = Report::new(server.can("side-band-64k"));
        let mut statuses = self.read_report(answer, report, commands).await?;
        if statuses.iter().any(|status| status.refused.is_some()) {
            self.forgive(commands, &mut statuses).await?;
        }
        Ok(statuses)
    }

    /// The commands as packet lines, the capabilities in the first, and the flush.
    fn head(
        &self,
        commands: &[RefUpdate],
        atomic: bool,
        server: &Advertisement,
    ) -> Result<Vec<u8>, GitError> {
        let url = self.url();
        let lacks = |capability| GitError::Capability { url: url.clone(), capability };
        if !server.can("report-status") {
            return Err(lacks("report-status"));
        }
        if commands.iter().any(|command| command.new.is_none()) && !server.can("delete-refs") {
            return Err(lacks("delete-refs"));
        }
        let format = format_of(commands);
        if server.object_format() != format {
            return Err(lacks(match format {
                ObjectFormat::Sha1 => "object-format=sha1",
                ObjectFormat::Sha256 => "object-format=sha256",
            }));
        }
        let mut capabilities = String::from("\0 report-status");
        for (wanted, capability) in [(true, "side-band-64k"), (atomic, "atomic")] {
            if wanted && server.can(capability) {
                capabilities.push(' ');
                capabilities.push_str(capability);
            }
        }
        if server.value("object-format").is_some() {
            capabilities.push_str(&format!(" object-format={}", format.word()));
        }
        if server.value("agent").is_some() {
            capabilities.push_str(concat!(" agent=haversack/", env!("CARGO_PKG_VERSION")));
        }
        let nothing = "0".repeat(format.digits());
        let mut head = Vec::new();
        for command in commands {
            check_ref_name(&command.name)?;
            for object in [&command.old, &command.new].into_iter().flatten() {
                check_object_id(object)?;
                if object.len() != format.digits() {
                    let (text, digits) = (object.clone(), format.digits());
                    return Err(GitError::ObjectId { text, digits });
                }
            }
            let old = command.old.as_deref().unwrap_or(&nothing);
            let new = command.new.as_deref().unwrap_or(&nothing);
            let first = if head.is_empty() { capabilities.as_str() } else { "" };
            line(&mut head, format!("{old} {new} {}{first}", command.name).as_bytes());
        }
        head.extend_from_slice(FLUSH);
        Ok(head)
    }

    async fn refs(&self, service: &str) -> Result<Advertisement, GitError> {
        let mut url = self.under(&["info", "refs"])?;
        url.set_query(Some(&format!("service={service}")));
        let answer = self.ask(|client| client.get(url.clone())).await?;
        let at = answer.url();
        match answer.status().as_u16() {
            200 => {}
            404 => return Ok(Advertisement::default()),
            _ => return Err(self.refusal(answer).await),
        }
        check_type(&answer, &format!("application/x-{service}-advertisement"))?;
        self.follow(&url, answer.full_url())?;
        let bytes_max = limits::GIT_ADVERTISEMENT_BYTES_MAX;
        let bytes = answer.bytes(bytes_max).await.map_err(GitError::net(&at))?;
        Advertisement::parse(&bytes, service, &at)
    }

    /// Takes over where a redirect led, on the same host only: credentials are for that one.
    fn follow(&self, asked: &Url, answered: &Url) -> Result<(), GitError> {
        if asked == answered {
            return Ok(());
        }
        let away = || GitError::protocol(&shown(asked), format!("sent on to {}", shown(answered)));
        let path = answered.path().strip_suffix("/info/refs").ok_or_else(away)?;
        if host_of(asked) != host_of(answered) {
            return Err(away());
        }
        let mut base = answered.clone();
        base.set_path(path);
        base.set_query(None);
        *self.base.lock().unwrap_or_else(PoisonError::into_inner) = base;
        Ok(())
    }

    /// Sends an empty push: it changes nothing, and gets the 401 if there is one to get.
    async fn probe(&self) -> Result<(), GitError> {
        let url = self.under(&[RECEIVE_PACK])?;
        let answer = self.ask(|client| typed(client, &url).body(FLUSH)).await?;
        match answer.status().as_u16() {
            401 | 403 => Err(self.refusal(answer).await),
            // Whatever else is wrong, the push itself will say.
            _ => Ok(()),
        }
    }

    /// Sends the push, tells its progress, and watches for silence.
    async fn send(&self, upload: &Upload, task: &Task) -> Result<Answer, GitError> {
        let url = self.under(&[RECEIVE_PACK])?;
        let client = self.network.upload_client();
        let request = self.network.send(|_| {
            let request = typed(client, &url).body(upload.body());
            self.authorise(match upload.size_bytes() {
                Some(size) => request.header("Content-Length", size),
                None => request,
            })
        });
        tokio::pin!(request);
        let mut ticks = tokio::time::interval(TICK);
        let mut watch = upload.watch();
        let outcome = loop {
            tokio::select! {
                outcome = &mut request => break Some(outcome),
                _ = ticks.tick() => {
                    task.advance(watch.fresh_bytes());
                    if let Some(seconds) = watch.silent_seconds() {
                        return Err(GitError::Silent { url: shown(&url), seconds });
                    }
                    if watch.failed() {
                        break None;
                    }
                }
            }
        };
        task.advance(watch.fresh_bytes());
        if let Some(source) = upload.failure() {
            return Err(GitError::Pack { url: shown(&url), source });
        }
        match outcome {
            Some(outcome) => outcome.map_err(GitError::net(&shown(&url))),
            None => Err(GitError::protocol(&shown(&url), "the push ended early")),
        }
    }

    async fn read_report(
        &self,
        mut answer: Answer,
        mut report: Report,
        commands: &[RefUpdate],
    ) -> Result<Vec<RefStatus>, GitError> {
        let url = answer.url();
        if answer.status() != 200 {
            return Err(self.refusal(answer).await);
        }
        check_type(&answer, "application/x-git-receive-pack-result")?;
        let mut taken = 0;
        loop {
            let chunk = timeout(limits::GIT_UNPACK_TIME_MAX, answer.chunk()).await;
            let seconds = limits::GIT_UNPACK_TIME_MAX.as_secs();
            let chunk = chunk.map_err(|_| GitError::Silent { url: url.clone(), seconds })?;
            let Some(chunk) = chunk.map_err(GitError::net(&url))? else { break };
            taken += chunk.len() as u64;
            if taken > limits::GIT_ADVERTISEMENT_BYTES_MAX {
                let source = NetError::Large {
                    url: url.clone(),
                    bytes_max: limits::GIT_ADVERTISEMENT_BYTES_MAX,
                };
                return Err(GitError::Net { url, source });
            }
            report.feed(&chunk).map_err(|odd| GitError::protocol(&url, odd.0))?;
        }
        report
            .finish(commands.iter().map(|command| command.name.as_str()))
            .map_err(|words| GitError::Refused { url, words })
    }

    /// A push that was sent twice is refused the second time: what stands as wanted was taken.
    async fn forgive(
        &self,
        commands: &[RefUpdate],
        statuses: &mut [RefStatus],
    ) -> Result<(), GitError> {
        let now = self.advertised().await?;
        for (command, status) in commands.iter().zip(statuses) {
            if now.exists && now.refs.get(&command.name) == command.new.as_ref() {
                status.refused = None;
            }
        }
        Ok(())
    }

    /// Asks without credentials first, and with them when that is refused, as git does.
    async fn ask<F>(&self, make: F) -> Result<Answer, GitError>
    where
        F: Fn(&Client) -> RequestBuilder,
    {
        let url = self.url();
        let answer = self.network.send(|client| self.authorise(make(client))).await;
        let answer = answer.map_err(GitError::net(&url))?;
        let tried = self.authorised.load(Ordering::Acquire) || self.credentials.is_none();
        if tried || !matches!(answer.status().as_u16(), 401 | 403 | 404) {
            return Ok(answer);
        }
        drop(answer);
        self.authorised.store(true, Ordering::Release);
        let answer = self.network.send(|client| self.authorise(make(client))).await;
        answer.map_err(GitError::net(&url))
    }

    fn authorise(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.credentials {
            Some((user, secret)) if self.authorised.load(Ordering::Acquire) => {
                request.basic_auth(user, Some(secret.expose()))
            }
            _ => request,
        }
    }

    async fn refusal(&self, answer: Answer) -> GitError {
        let (url, status) = (answer.url(), answer.status().as_u16());
        if matches!(status, 401 | 403) {
            let offered = self.authorised.load(Ordering::Acquire);
            return GitError::Denied { url, status, offered };
        }
        // The status says enough when its text cannot be had.
        let said = answer.bytes(limits::ANSWER_BYTES_MAX).await.unwrap_or_default();
        GitError::Status { url, status, words: words(&said) }
    }

    fn base(&self) -> Url {
        self.base.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn url(&self) -> String {
        shown(&self.base())
    }

    fn under(&self, path: &[&str]) -> Result<Url, GitError> {
        let mut url = self.base();
        let given = shown(&url);
        url.path_segments_mut()
            .map_err(|()| GitError::Url { url: given, why: "not a URL that can be asked" })?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }
}

fn format_of(commands: &[RefUpdate]) -> ObjectFormat {
    let long = |command: &RefUpdate| {
        command.new.as_ref().or(command.old.as_ref()).is_some_and(|object| object.len() == 64)
    };
    if commands.iter().any(long) { ObjectFormat::Sha256 } else { ObjectFormat::Sha1 }
}

fn typed(client: &Client, url: &Url) -> RequestBuilder {
    client
        .post(url.clone())
        .header("Content-Type", "application/x-git-receive-pack-request")
        .header("Accept", "application/x-git-receive-pack-result")
}

fn check_type(answer: &Answer, wanted: &str) -> Result<(), GitError> {
    let found = answer.header("content-type").unwrap_or_default();
    if found.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    Err(GitError::NotGit { url: answer.url(), content_type: words(found.as_bytes()) })
}
