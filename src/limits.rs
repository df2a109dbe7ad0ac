//! Every bound on input, in one table.
//!
//! Whatever reads from outside (a network, a bundle, a file a person wrote) takes its bound from here,
//! so that a reviewer can see all of them at once. Units are the last word of each name.

use std::time::Duration;

/// Largest YAML file a person writes: inventory or site file.
pub const USER_FILE_BYTES_MAX: u64 = 4 << 20;
/// Most problems of one such file that are listed.
pub const PROBLEMS_MAX: usize = 200;
/// Largest lock file that is read back.
pub const LOCK_BYTES_MAX: u64 = 256 << 20;
/// Largest Kubernetes YAML file that is searched for references; larger ones are reported opaque.
pub const DOCUMENT_BYTES_MAX: u64 = 16 << 20;
/// Most texts inside the texts of one file that are searched for references.
pub const EMBEDDED_TEXTS_MAX: usize = 10_000;
/// Most texts of one container, and most fields of one object, that are kept to conclude from.
pub const FACT_TEXTS_MAX: usize = 200;
/// Most URLs that one script can put together.
pub const SCRIPT_URLS_MAX: usize = 500;
/// Most files read from one app path of one repository.
pub const APP_FILES_MAX: usize = 20_000;
/// Largest OCI manifest or index, as registries bound it (distribution-spec: at least 4 MiB).
pub const OCI_MANIFEST_BYTES_MAX: u64 = 4 << 20;
/// Largest single blob.
pub const BLOB_BYTES_MAX: u64 = 1 << 40;
/// Largest page of a list of tags.
pub const TAGS_PAGE_BYTES_MAX: u64 = 32 << 20;
/// Most tags of one repository.
pub const TAGS_MAX: usize = 1_000_000;
/// Most pages of one list of tags or referrers.
pub const PAGES_MAX: usize = 10_000;
/// Longest part of a server's own words in an error.
pub const SERVER_WORDS_CHARS_MAX: usize = 300;
/// Deepest nesting of image indexes.
pub const INDEX_DEPTH_MAX: usize = 4;
/// Most entries in one image index or referrers list.
pub const INDEX_ENTRIES_MAX: usize = 10_000;
/// Deepest chain of referrers of referrers.
pub const REFERRERS_DEPTH_MAX: usize = 4;
/// Largest `index.yaml` of a chart repository.
pub const CHART_INDEX_BYTES_MAX: u64 = 128 << 20;
/// Largest chart archive, compressed.
pub const CHART_ARCHIVE_BYTES_MAX: u64 = 64 << 20;
/// Largest chart archive, decompressed.
pub const CHART_CONTENT_BYTES_MAX: u64 = 512 << 20;
/// Largest `Chart.yaml` inside a chart archive.
pub const CHART_YAML_BYTES_MAX: u64 = 1 << 20;
/// Most members of a chart archive.
pub const CHART_ENTRIES_MAX: usize = 20_000;
/// Largest chart that is held in memory, decompressed, together with all charts in it (Helm: 100 MiB).
pub const CHART_LOADED_BYTES_MAX: u64 = 100 << 20;
/// Largest file of a chart that is held in memory (Helm: 5 MiB).
pub const CHART_FILE_BYTES_MAX: u64 = 5 << 20;
/// Deepest nesting of charts in charts.
pub const CHART_DEPTH_MAX: usize = 16;
/// Most charts in one chart, after one chart was taken several times under several names.
pub const CHARTS_MAX: usize = 1_000;
/// Most rules of a `.helmignore`.
pub const IGNORE_RULES_MAX: usize = 1_000;
/// Longest rule of a `.helmignore`.
pub const IGNORE_RULE_CHARS_MAX: usize = 1_000;
/// Largest values file.
pub const VALUES_BYTES_MAX: usize = 16 << 20;
/// Deepest nesting of values.
pub const VALUES_DEPTH_MAX: usize = 200;
/// Most keys and items that are copied or compared while the values of one chart are put together.
pub const VALUES_WORK_MAX: u64 = 20_000_000;
/// Highest index that `--set a[…]` may name, as in Helm.
pub const SET_INDEX_MAX: usize = 65_536;
/// Most dots in one name of `--set`, as in Helm.
pub const SET_NAME_LEVELS_MAX: usize = 30;
/// Most items that all lists of one `--set` may have together.
pub const SET_ITEMS_MAX: usize = 1 << 20;
/// Most steps of holding values against the schema of one chart and its subcharts.
pub const SCHEMA_WORK_MAX: u64 = 1_000_000;
/// Deepest chain of schemas in schemas that is followed.
pub const SCHEMA_DEPTH_MAX: usize = 400;
/// Largest regular expression of a schema, compiled.
pub const SCHEMA_PATTERN_BYTES_MAX: usize = 1 << 20;
/// Most problems with the schema that are listed.
pub const SCHEMA_PROBLEMS_MAX: usize = 100;
/// Largest header that names a member of a chart archive.
pub const CHART_NAME_BYTES_MAX: u64 = 64 << 10;
/// Largest token or error answer of a registry or git server that is kept.
pub const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// Largest advertisement of refs of one git repository.
pub const GIT_ADVERTISEMENT_BYTES_MAX: u64 = 256 << 20;
/// Most refs carried of one git repository.
pub const GIT_REFS_MAX: usize = 1_000_000;
/// Largest list of commits that travels with a repository (about 80 bytes a commit).
pub const GIT_GRAPH_BYTES_MAX: u64 = 512 << 20;
/// Largest listing of one git tree.
pub const GIT_TREE_BYTES_MAX: u64 = 256 << 20;
/// Most bytes of files read from one git repository at a time.
pub const GIT_READ_BYTES_MAX: u64 = 512 << 20;
/// Most commits of one request that are searched for submodules and large files; more are reported.
pub const GIT_INSPECTED_MAX: usize = 500;
/// Largest header of a git bundle.
pub const GIT_BUNDLE_HEADER_BYTES_MAX: u64 = 256 << 20;
/// Longest wait for a git server that has a whole pack and checks it.
pub const GIT_UNPACK_TIME_MAX: Duration = Duration::from_mins(30);
/// Largest `SHA256SUMS`.
pub const SUMS_BYTES_MAX: u64 = 16 << 20;
/// Largest signature file.
pub const SIGNATURE_BYTES_MAX: u64 = 64 << 10;
/// Most keys in one trust folder.
pub const TRUST_KEYS_MAX: usize = 1_000;
/// Most signature files beside one `SHA256SUMS`.
pub const SIGNATURES_MAX: usize = 64;
/// Most packs of one bundle: as many as `pack-NNNN` can number, less what else is in the folder.
pub const PACKS_MAX: usize = 9_900;
/// Largest `index.json` in a pack; each pack repeats it.
pub const INDEX_JSON_BYTES_MAX: u64 = 32 << 20;
/// Largest blob that is compressed in memory ahead of its turn; larger ones are streamed.
pub const FRAME_AHEAD_BYTES_MAX: u64 = 4 << 20;
/// Bytes of blobs that are compressed, or wait to be written, ahead of their turn.
pub const FRAMES_AHEAD_BYTES_MAX: u64 = 16 << 20;
/// Threads that compress frames ahead of their turn: each keeps a few MiB of tables.
pub const FRAME_THREADS_MAX: usize = 4;
/// Highest zstd level on offer: above it a frame's window would not fit the memory target.
pub const ZSTD_LEVEL_MAX: i32 = 19;
/// Largest `bundle.json`.
pub const CONTENTS_BYTES_MAX: u64 = 512 << 20;
/// Largest key file.
pub const KEY_BYTES_MAX: u64 = 64 << 10;
/// Most files in one bundle folder.
pub const BUNDLE_FILES_MAX: usize = 10_000;
/// Largest pack: 4 GiB - 1, so that FAT32 media take it.
pub const PACK_BYTES_MAX: u64 = (4 << 30) - 1;
/// Default of `--part-size`.
pub const PACK_BYTES_DEFAULT: u64 = 2 << 30;
/// Smallest `--part-size`.
pub const PACK_BYTES_MIN: u64 = 1 << 20;
/// Largest zstd window a pack may ask for: log2 of bytes.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// Deepest nesting of a value that templates read or write as YAML, JSON or TOML; each level takes room on the stack.
pub const YAML_DEPTH_MAX: usize = 256;
/// Longest YAML, JSON or TOML that one call writes: shared maps can make a small value print without end.
pub const ENCODED_BYTES_MAX: usize = 16 << 20;
/// Most elements of lists that are looked at to write one TOML document.
pub const TOML_ELEMENTS_MAX: usize = 1 << 20;
/// Deepest nesting, and most elements of each level, of a value that is shown in an error.
pub const YAML_SHOWN_DEPTH_MAX: usize = 6;
/// Most elements of each level of a value that is shown in an error.
pub const YAML_SHOWN_ITEMS_MAX: usize = 8;
/// Longest regular expression of a template.
pub const TEMPLATE_REGEX_BYTES_MAX: usize = 64 << 10;
/// Largest program that a regular expression of a template becomes.
pub const TEMPLATE_REGEX_PROGRAM_BYTES_MAX: usize = 1 << 20;
/// Regular expressions of templates that a thread keeps read.
pub const TEMPLATE_REGEXES_MAX: usize = 256;
/// Deepest nesting of a value that functions of templates go into.
pub const TEMPLATE_VALUE_DEPTH_MAX: usize = 1_000;
/// Most rounds of the closure's worklist.
pub const CLOSURE_ITEMS_MAX: usize = 1_000_000;

/// Tries of one request, the first one included.
pub const TRIES_MAX: u32 = 6;
/// First pause between two tries; doubled each time.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(250);
/// Longest pause between two tries when the server names none.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Longest `Retry-After` that is obeyed; a longer one is an error that names it.
pub const RETRY_AFTER_MAX: Duration = Duration::from_mins(15);
/// Time to open a connection.
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(30);
/// Longest silence in the middle of an answer.
pub const SILENCE_MAX: Duration = Duration::from_mins(2);
/// Longest wait for the answer after the last byte of an upload: the server may hash and copy first.
pub const UPLOAD_ANSWER_TIME_MAX: Duration = Duration::from_mins(15);
/// Longest life of an access token that is believed.
pub const TOKEN_LIFE_MAX: Duration = Duration::from_hours(12);
/// How often one request may renew its access token.
pub const TOKEN_RENEWALS_MAX: u32 = 2;
/// Progress after which a cut download gets all its tries again.
pub const PROGRESS_BYTES_MIN: u64 = 1 << 20;
/// Bytes that travel between the network and a blocking thread in one piece.
pub const TRANSFER_CHUNK_BYTES: usize = 256 << 10;
/// Pieces on their way between the network and a blocking thread.
pub const TRANSFER_CHUNKS_MAX: usize = 4;
/// Requests in flight to one host.
pub const REQUESTS_PER_HOST: usize = 8;
/// Redirects followed for one request.
pub const REDIRECTS_MAX: usize = 5;
/// Largest body the embedded registry takes for an OCI manifest.
pub const SERVE_MANIFEST_BYTES_MAX: usize = 8 << 20;
/// Piece in which the embedded servers read and write files.
pub const SERVE_PIECE_BYTES: usize = 512 << 10;
/// Upload sessions open at one time.
pub const SERVE_UPLOADS_MAX: usize = 4096;
/// Time after which an upload session that nobody touches may be forgotten.
pub const SERVE_UPLOAD_IDLE_MAX: Duration = Duration::from_hours(1);
/// Time that a request waits for another one on the same upload session.
pub const SERVE_UPLOAD_WAIT_MAX: Duration = Duration::from_secs(30);
/// Most tags named in one push of an OCI manifest.
pub const SERVE_TAGS_PER_PUSH_MAX: usize = 64;
/// Largest page of a referrers list; the next page is linked.
pub const SERVE_REFERRERS_BYTES_MAX: usize = 4 << 20;
/// Git programs running at one time for clients of the embedded git server.
pub const SERVE_GIT_PROCESSES_MAX: usize = 16;
/// Time that requests under way are given when the embedded servers stop.
pub const SERVE_STOP_TIME_MAX: Duration = Duration::from_secs(10);

/// Most steps that the templates of one chart take: nodes executed, bytes made, elements looked at.
pub const RENDER_STEPS_MAX: u64 = 1 << 30;
/// Most bytes or elements of one value that a function makes.
pub const RENDER_VALUE_UNITS_MAX: u64 = 32 << 20;
/// Most bytes that the templates of one chart write; an included template counts each time.
pub const RENDER_OUTPUT_BYTES_MAX: u64 = 512 << 20;
/// Longest time that the templates of one chart run.
pub const RENDER_TIME_MAX: Duration = Duration::from_mins(2);
/// Steps between two looks at the clock.
pub const RENDER_CLOCK_STEPS: u64 = 4096;
/// Bytes of texts that a function takes for one step.
pub const RENDER_BYTES_PER_STEP: u64 = 64;
/// Deepest nesting of templates, branches and pipelines while a template runs.
pub const RENDER_DEPTH_MAX: usize = 20_000;
/// Stack of the thread that templates run in: [`RENDER_DEPTH_MAX`] levels fit, in a debug build too.
pub const RENDER_STACK_BYTES: usize = 512 << 20;
/// How often `include` may nest one name: Helm's own bound.
pub const RENDER_INCLUDES_MAX: usize = 1000;
/// Most errors of a chain of includes that are kept, so that a chain can be shown on any stack.
pub const RENDER_TRACE_MAX: usize = 1000;
/// Most bytes of words in such a chain.
pub const RENDER_TRACE_BYTES_MAX: usize = 4 << 20;
/// Most different demands (`required`, `fail`) that are noted in one run.
pub const RENDER_DEMANDS_MAX: usize = 1000;
/// Most bytes of texts given to `tpl` whose trees are kept.
pub const RENDER_TPL_BYTES_MAX: usize = 32 << 20;
/// Deepest nesting of blocks (`if`, `range`, `with`, `else if`) in one template.
pub const TEMPLATE_BLOCKS_DEPTH_MAX: usize = 500;
/// Deepest nesting of parentheses in one action of a template.
pub const TEMPLATE_PARENS_DEPTH_MAX: usize = 200;
/// Longest text that printing one value or one call of `printf` makes; what is longer is cut, and then refused, because it is
/// more than [`RENDER_VALUE_UNITS_MAX`].
pub const PRINT_BYTES_MAX: usize = 33 << 20;
/// Deepest nesting of a value that is printed: a map can hold itself.
pub const PRINT_DEPTH_MAX: usize = 500;
/// Deepest nesting of maps and lists that `merge` and `deepCopy` go down.
pub const RENDER_VALUE_DEPTH_MAX: usize = 500;
/// Longest random text or bytes that one call makes.
pub const RENDER_RANDOM_BYTES_MAX: u64 = 16 << 20;
/// Steps that one `bcrypt` counts for: about 50 ms.
pub const RENDER_BCRYPT_STEPS: u64 = 8 << 20;
/// Steps that one `derivePassword` counts for: about 150 ms and 32 MiB for as long.
pub const RENDER_SCRYPT_STEPS: u64 = 32 << 20;
/// Steps that one key or certificate counts for.
pub const RENDER_CERTIFICATE_STEPS: u64 = 64 << 10;
