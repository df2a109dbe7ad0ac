//! `haversack render`: what a chart renders to, as `helm template` prints it.

use std::path::PathBuf;

use crate::cli::words::{err, json, out, safe};
use crate::cli::{Face, Failure, chart_place, connect};
use crate::helm::{RenderSettings, Rendered, ValuesSource, describe, render, show_only};
use crate::limits;
use crate::template::Demands;

/// Print what a chart renders to, as `helm template` does, without Helm
///
/// CHART is a folder, a .tgz, oci://HOST/PATH/NAME, or a name in the repository of --repo. Random values and
/// times in the output are the same in every run.
#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
#[command(
    after_help = "Example:\n  haversack render oci://ghcr.io/argoproj/argo-helm/argo-cd --version 10.1.1"
)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct Args {
    #[command(flatten)]
    chart: chart_place::Place,
    #[command(flatten)]
    values: Values,
    /// Name of the release
    #[arg(long, value_name = "NAME", default_value = "release-name")]
    name: String,
    /// Namespace of the release
    #[arg(long, short, value_name = "NAMESPACE", default_value = "default")]
    namespace: String,
    /// Version of the cluster
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// Further API of the cluster, such as monitoring.coreos.com/v1; repeat for more
    #[arg(long, short, value_name = "API", value_delimiter = ',')]
    api_versions: Vec<String>,
    /// Render as an upgrade rather than an installation
    #[arg(long)]
    is_upgrade: bool,
    /// Also print the files of crds/
    #[arg(long)]
    include_crds: bool,
    /// Leave tests out
    #[arg(long)]
    skip_tests: bool,
    /// Leave hooks out
    #[arg(long)]
    no_hooks: bool,
    /// Print only what comes from this template, such as templates/service.yaml; repeat for more
    #[arg(long, short, value_name = "TEMPLATE")]
    show_only: Vec<String>,
    /// Where the chart demands a value that is missing, go on with a marked placeholder
    #[arg(long)]
    placeholders: bool,
    #[command(flatten)]
    reach: connect::Reach,
}

/// Values, with Helm's flags.
#[derive(Debug, clap::Args)]
struct Values {
    /// Values file; '-' for standard input; repeat for more
    #[arg(long, short = 'f', value_name = "FILE", value_delimiter = ',')]
    values: Vec<PathBuf>,
    /// Value: key1=val1,key2=val2; repeat for more
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Value that is a text; repeat for more
    #[arg(long, value_name = "KEY=VALUE")]
    set_string: Vec<String>,
    /// Value from a file; repeat for more
    #[arg(long, value_name = "KEY=FILE")]
    set_file: Vec<String>,
    /// Value in JSON; repeat for more
    #[arg(long, value_name = "KEY=JSON")]
    set_json: Vec<String>,
    /// Value that is a text, taken letter by letter; repeat for more
    #[arg(long, value_name = "KEY=VALUE")]
    set_literal: Vec<String>,
}

pub(crate) fn run(args: &Args, face: Face) -> Result<(), Failure> {
    let settings = args.settings()?;
    let files = args.chart.files(&args.reach, face.report())?;
    let rendered = render(&files, &settings)?;
    warn(&rendered);
    if face.json {
        out(&as_json(&rendered, args));
        return Ok(());
    }
    let manifest = rendered.manifest(args.include_crds, !args.no_hooks, !args.skip_tests);
    if args.show_only.is_empty() {
        out(&manifest);
        return Ok(());
    }
    let shown = show_only(&manifest, &args.show_only)
        .map_err(|name| Failure::usage(format!("{name}: the chart renders nothing from it")))?;
    out(&shown);
    Ok(())
}

impl Args {
    fn settings(&self) -> Result<RenderSettings, Failure> {
        Ok(RenderSettings {
            release: self.name.clone(),
            namespace: self.namespace.clone(),
            kube_version: self.kube_version.clone(),
            api_versions: self.api_versions.clone(),
            values: self.values.sources()?,
            upgrade: self.is_upgrade,
            demands: if self.placeholders { Demands::Placeholders } else { Demands::Refuse },
        })
    }
}

impl Values {
    fn sources(&self) -> Result<Vec<ValuesSource>, Failure> {
        let mut sources = Vec::new();
        for path in &self.values {
            let name = path.display().to_string();
            let bytes = connect::read_or_input(path, limits::VALUES_BYTES_MAX as u64)?;
            let text = String::from_utf8(bytes)
                .map_err(|_| Failure::unsound(format!("{name}: not UTF-8")))?;
            sources.push(ValuesSource::File { name, text });
        }
        let each = |texts: &[String], source: fn(String) -> ValuesSource| {
            texts.iter().cloned().map(source).collect::<Vec<_>>()
        };
        sources.extend(each(&self.set_json, ValuesSource::SetJson));
        sources.extend(each(&self.set, ValuesSource::Set));
        sources.extend(each(&self.set_string, ValuesSource::SetString));
        for pair in self.set_file.iter().flat_map(|pairs| pairs.split(',')) {
            sources.push(set_file(pair)?);
        }
        sources.extend(each(&self.set_literal, ValuesSource::SetLiteral));
        Ok(sources)
    }
}

/// `KEY=FILE`.
fn set_file(pair: &str) -> Result<ValuesSource, Failure> {
    let (path, file) = pair
        .split_once('=')
        .ok_or_else(|| Failure::usage(format!("--set-file {pair}: must be KEY=FILE")))?;
    let bytes = connect::read_or_input(file.as_ref(), limits::VALUES_BYTES_MAX as u64)?;
    let content =
        String::from_utf8(bytes).map_err(|_| Failure::unsound(format!("{file}: not UTF-8")))?;
    Ok(ValuesSource::SetFile { path: path.to_owned(), content })
}

fn warn(rendered: &Rendered) {
    for warning in &rendered.warnings {
        err(&format!("warning: {}\n", safe(warning)));
    }
    for demand in &rendered.demands {
        err(&format!(
            "warning: a placeholder stands for what is missing: {}\n",
            safe(&describe(demand))
        ));
    }
}

fn as_json(rendered: &Rendered, args: &Args) -> String {
    let crds = rendered.crds.iter().filter(|_| args.include_crds);
    let hooks = rendered.hooks_shown(!args.no_hooks, !args.skip_tests);
    let documents = crds.chain(&rendered.documents).chain(hooks).map(|document| {
        serde_json::json!({
            "source": document.source, "kind": document.kind, "hook": document.hook,
            "test": document.is_test, "text": document.text, "lines": document.lines,
        })
    });
    let demands = rendered.demands.iter().map(describe);
    json(&serde_json::json!({
        "ok": true, "chart": rendered.chart, "version": rendered.version,
        "documents": documents.collect::<Vec<_>>(),
        "placeholders": demands.collect::<Vec<_>>(), "warnings": rendered.warnings,
    }))
}
