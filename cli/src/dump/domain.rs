// SPDX-License-Identifier: Apache-2.0
//! The state of Observation Domains: their templates and their sequence numbers.
//!
//! It knows nothing of sets and records. Its memory is bounded by the two limits below.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::error::Problem;
use super::template::{Template, TemplateRecord};

/// Sets of templates (RFC 7011 §3.3.2).
pub(super) const TEMPLATE_SET: u16 = 2;
pub(super) const OPTIONS_TEMPLATE_SET: u16 = 3;

/// The maximum number of fields in all templates, where each template counts as one more: about
/// 30 megabytes, and a thousand times what any exporter announces.
pub(super) const TEMPLATE_FIELDS: usize = 1 << 18;

/// The maximum number of domains. A router has one for each line card, we have one for each worker.
pub(super) const DOMAINS: usize = 1 << 12;

/// The domains of a file.
#[derive(Default)]
pub(super) struct Domains {
    domains: BTreeMap<u32, Domain>,
    /// The count that [`TEMPLATE_FIELDS`] limits.
    template_fields: usize,
}

#[derive(Default)]
struct Domain {
    templates: HashMap<u16, Rc<Template>>,
    /// The sequence number of the next message. The first message's may be any, as may be that of a
    /// message after skipped records.
    sequence: Option<u32>,
    missing: u64,
    missing_places: u64,
    missing_offset: u64,
    steps_back: Option<u64>,
}

impl Domains {
    /// Compares a message's sequence number with the number of records in the messages before it.
    pub(super) fn check_sequence(
        &mut self,
        domain: u32,
        sequence: u32,
        offset: u64,
    ) -> Result<(), Problem> {
        if !self.domains.contains_key(&domain) && self.domains.len() == DOMAINS {
            let limit = DOMAINS;
            return Err(Problem::TooManyDomains { offset, limit });
        }
        let domain = self.domains.entry(domain).or_default();
        domain.check_sequence(sequence, offset);
        Ok(())
    }

    /// Counts records of a message.
    pub(super) fn count_records(&mut self, domain: u32, records: u32) {
        let domain = self.domains.entry(domain).or_default();
        domain.sequence = domain.sequence.map(|next| next.wrapping_add(records));
    }

    /// Accepts any sequence number in the next message.
    pub(super) fn restart_sequence(&mut self, domain: u32) {
        self.domains.entry(domain).or_default().sequence = None;
    }

    /// Returns the template with this id.
    pub(super) fn template(&self, domain: u32, id: u16) -> Option<Rc<Template>> {
        let domain = self.domains.get(&domain)?;
        domain.templates.get(&id).cloned()
    }

    /// Adds, replaces or withdraws a template of a set at `offset`, and returns whether it is new.
    pub(super) fn learn(
        &mut self,
        domain: u32,
        offset: u64,
        set: u16,
        record: TemplateRecord,
    ) -> Result<bool, Problem> {
        let domain = self.domains.entry(domain).or_default();
        let (id, template) = match record {
            TemplateRecord::Definition(id, template) => (id, template),
            TemplateRecord::Withdrawal(id) if id == set => {
                let options = set == OPTIONS_TEMPLATE_SET;
                let withdrawn = domain
                    .templates
                    .extract_if(|_, template| template.is_options() == options);
                let freed = withdrawn.map(|(_, template)| weight(&template));
                self.template_fields -= freed.sum::<usize>();
                return Ok(false);
            }
            TemplateRecord::Withdrawal(id) => {
                let withdrawn = domain.templates.remove(&id);
                self.template_fields -= withdrawn.map_or(0, |template| weight(&template));
                return Ok(false);
            }
        };
        if template.fields.iter().any(|field| field.length == 0) {
            let template = id;
            return Err(Problem::EmptyField { offset, template });
        }
        self.template_fields += weight(&template);
        let replaced = domain.templates.insert(id, Rc::new(template));
        let is_new = replaced.is_none();
        self.template_fields -= replaced.map_or(0, |template| weight(&template));
        if self.template_fields > TEMPLATE_FIELDS {
            let limit = TEMPLATE_FIELDS;
            return Err(Problem::TooManyTemplates { offset, limit });
        }
        Ok(is_new)
    }

    /// Returns what is wrong with the sequence numbers.
    pub(super) fn gaps(&self) -> impl Iterator<Item = Problem> {
        self.domains.iter().flat_map(Domain::gaps)
    }
}

impl Domain {
    fn check_sequence(&mut self, sequence: u32, offset: u64) {
        let ahead = sequence.wrapping_sub(self.sequence.unwrap_or(sequence));
        self.sequence = Some(sequence);
        if ahead == 0 {
            return;
        }
        if ahead > u32::MAX / 2 {
            self.steps_back.get_or_insert(offset);
            return;
        }
        if self.missing_places == 0 {
            self.missing_offset = offset;
        }
        self.missing_places += 1;
        self.missing += u64::from(ahead);
    }

    fn gaps((&number, domain): (&u32, &Self)) -> impl Iterator<Item = Problem> + use<> {
        let missing = (domain.missing > 0).then_some(Problem::Missing {
            domain: number,
            records: domain.missing,
            places: domain.missing_places,
            offset: domain.missing_offset,
        });
        let steps_back = domain.steps_back.map(|offset| Problem::StepsBack {
            domain: number,
            offset,
        });
        missing.into_iter().chain(steps_back)
    }
}

/// Returns how much a template adds to the count that [`TEMPLATE_FIELDS`] limits.
fn weight(template: &Template) -> usize {
    1 + template.fields.len()
}
