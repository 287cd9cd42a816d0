//! `probe`: what AWS itself answers, beside the verdict.

use crate::{
    apply, check,
    cli::{
        args::{Global, Probe, ProbeOutput},
        error::UsageError,
        fix::{confirm::confirmed, session::Session},
        output,
    },
    ident::{SaKey, visible},
    identity::{
        Verdict,
        probe::{Ask, Way},
    },
    plan::Whereabouts,
    report::probe as page,
};

/// Nobody knows: nothing was asked, or there was no answer.
const NOT_KNOWN: u8 = 3;

pub async fn probe(args: &Probe, global: &Global) -> Result<u8, UsageError> {
    let Some(session) = Session::open(global).await? else { return Ok(crate::cli::INTERRUPTED) };
    let targets = session.targets(std::slice::from_ref(&args.target))?;
    let key = targets.first().and_then(|it| session.read.graph.account_of(it));
    let key = key.ok_or_else(|| {
        UsageError::new(format!("`{}` has no ServiceAccount", visible(&args.target)))
            .hint("for example sa/payments/api, pod/payments/api-1, deploy/payments/api")
    })?;
    let ask = match session.ask(&key) {
        Ok(it) => it,
        Err(it) => return Ok(it),
    };
    let question = page::question(&ask.way, &key);
    eprintln!("idscope: {}", visible(&question));
    if !args.yes
        && let Some(why) = confirmed(&key.to_string(), "ask", "--yes")
    {
        eprintln!("idscope: nothing was asked: {}", visible(&why));
        return Ok(NOT_KNOWN);
    }
    let page = session.probe(ask).await;
    session.print(&match args.output {
        ProbeOutput::Text => page::text(&page),
        ProbeOutput::Json => output::json(&page::data(&page)),
    });
    Ok(page.exit_status())
}

impl Session<'_> {
    /// What there is to ask; the error is the exit status, and it is said why.
    fn ask(&self, key: &SaKey) -> Result<Ask, u8> {
        let graph = &self.read.graph;
        let place = Whereabouts::of(graph);
        let context = place.context.as_deref().unwrap_or_default();
        if let Some(why) = self.settings.writes.refusal(context) {
            eprintln!("idscope: nothing was asked: {}", visible(&why));
            return Err(NOT_KNOWN);
        }
        check::probe_ask(graph, key).map_err(|why| {
            eprintln!("idscope: nothing was asked: {}", visible(&why));
            match self.read.ledger.identity(key).map(|it| &it.verdict) {
                // As for every target that has no verdict.
                Some(Verdict::None) => 0,
                Some(Verdict::Allow | Verdict::Deny(_) | Verdict::Unknown(_)) | None => NOT_KNOWN,
            }
        })
    }

    /// Whether EKS Auth delivers the role of the association; what it answers is said.
    pub(super) async fn is_delivered(&self, key: &SaKey) -> bool {
        let Ok(ask) = self.ask(key) else { return false };
        if !matches!(ask.way, Way::EksAuth { .. }) {
            return false;
        }
        eprintln!("idscope: {}", visible(&page::question(&ask.way, key)));
        let page = self.probe(ask).await;
        for it in page::text(&page).lines() {
            eprintln!("  {}", visible(it));
        }
        page.probed.is_as_asked()
    }

    async fn probe(&self, ask: Ask) -> page::Page {
        let identity = self.read.ledger.identity(&ask.service_account);
        let (verdict, because, judged) = match identity {
            Some(it) => (it.verdict.clone(), it.because.clone(), it.judged.as_deref().cloned()),
            None => (Verdict::None, String::new(), None),
        };
        let probed = apply::probe(&self.settings, &Whereabouts::of(&self.read.graph), ask).await;
        let version = env!("CARGO_PKG_VERSION");
        page::Page { probed, verdict, because, judged, version }
    }
}
