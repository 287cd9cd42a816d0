//! One question to AWS with a fresh token of a ServiceAccount, after a confirmation.

use crate::{
    check,
    event::{Generation, Level},
    ident::SaKey,
    identity::{
        Verdict,
        probe::{Ask, Probed},
    },
    model::{Mode, Model, Page, PageKind, Request, propose::Typed},
    plan::Whereabouts,
    report::probe as report,
};

/// What is asked, and how far that is.
#[derive(Debug)]
pub struct Probing {
    pub ask: Ask,
    pub stage: ProbeStage,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ProbeStage {
    Shown,
    /// `p` was pressed once more: words are typed.
    Confirming(Typed),
    Asking,
    Answered(Box<report::Page>),
}

impl Probing {
    /// The words that are to be typed.
    pub fn words(&self) -> String {
        self.ask.service_account.to_string()
    }
}

impl Model {
    /// The ServiceAccount that a probe of the row would be of, if it asks for any identity.
    pub(in crate::model) fn can_probe(&self) -> bool {
        match &self.mode {
            Mode::Page(Page { kind: PageKind::Probe(it), .. }) => it.stage == ProbeStage::Shown,
            Mode::List | Mode::Details | Mode::Page(_) => {
                self.about().is_some_and(|it| self.key_of(&it).is_some())
            }
        }
    }

    /// What would be asked, on a page; from there, the words.
    pub(in crate::model) fn probe(&mut self) -> Vec<Request> {
        if let Some(it) = self.probing_mut() {
            it.stage = ProbeStage::Confirming(Typed::default());
            return Vec::new();
        }
        let Some(key) = self.about().and_then(|it| self.key_of(&it)) else { return Vec::new() };
        match check::probe_ask(&self.graph, &key) {
            Ok(ask) => {
                let it = Probing { ask, stage: ProbeStage::Shown };
                self.open_page(PageKind::Probe(Box::new(it)));
            }
            Err(why) => self.say(Level::Warning, &format!("nothing to ask: {why}")),
        }
        Vec::new()
    }

    pub fn probing(&self) -> Option<&Probing> {
        match &self.mode {
            Mode::Page(Page { kind: PageKind::Probe(it), .. }) => Some(it),
            Mode::Page(_) | Mode::List | Mode::Details => None,
        }
    }

    pub(in crate::model) fn probing_mut(&mut self) -> Option<&mut Probing> {
        match &mut self.mode {
            Mode::Page(Page { kind: PageKind::Probe(it), .. }) => Some(it),
            Mode::Page(_) | Mode::List | Mode::Details => None,
        }
    }

    /// The words were typed.
    pub(in crate::model) fn ask_aws(&mut self) -> Vec<Request> {
        let read_only = self.read_only().is_some();
        let (place, generation) = (Whereabouts::of(&self.graph), self.generation);
        let Some(it) = self.probing_mut().filter(|_| !read_only) else { return Vec::new() };
        it.stage = ProbeStage::Asking;
        let ask = Box::new(it.ask.clone());
        vec![Request::Probe { ask, place: Box::new(place), generation }]
    }

    /// What AWS answered, beside what is judged now.
    pub(in crate::model) fn probed(&mut self, generation: Generation, probed: Probed) {
        if generation != self.generation {
            return;
        }
        let key = probed.ask.service_account.clone();
        let (verdict, because, judged) = match self.ledger.identity(&key) {
            Some(it) => (it.verdict.clone(), it.because.clone(), it.judged.as_deref().cloned()),
            None => (Verdict::None, String::new(), None),
        };
        if probed.is_as_asked() {
            self.delivered.insert(key);
        }
        let version = env!("CARGO_PKG_VERSION");
        let page = report::Page { probed, verdict, because, judged, version };
        if let Some(it) = self.probing_mut().filter(|it| it.ask == page.probed.ask) {
            it.stage = ProbeStage::Answered(Box::new(page));
        }
    }

    /// AWS itself granted what was asked for, in this session.
    pub(in crate::model) fn is_delivered(&self, key: &SaKey) -> bool {
        self.delivered.contains(key)
    }
}
