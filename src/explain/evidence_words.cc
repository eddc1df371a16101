#include "explain/evidence_words.h"

#include <algorithm>

namespace postern::app {

namespace {

/// The results of an enumeration whose values count from 0.
template <class Status, class Name>
std::vector<std::string_view> names(Status last, Name name) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(last); ++i) {
    out.push_back(name(static_cast<Status>(i)));
  }
  return out;
}

/// The value of a word that names has.
template <class Status>
Status named(const std::vector<std::string_view>& all, std::string_view word) {
  return static_cast<Status>(std::ranges::find(all, word) - all.begin());
}

std::vector<std::string_view> spf_words() {
  using mailauth::spf::Status;
  return names(Status::permerror, [](Status one) { return mailauth::spf::to_string(one); });
}

std::vector<std::string_view> dmarc_words() {
  using mailauth::dmarc::Status;
  return names(Status::permerror, [](Status one) { return mailauth::dmarc::to_string(one); });
}

std::vector<std::string_view> policy_words() {
  using mailauth::dmarc::Policy;
  return names(Policy::reject, [](Policy one) { return mailauth::dmarc::to_string(one); });
}

std::vector<std::string_view> arc_words() {
  using mailauth::arc::Status;
  return names(Status::temperror, [](Status one) { return mailauth::arc::to_text(one); });
}

}  // namespace

bool is_evidence_count(std::string_view key) {
  return key == "size" || key == "header_size" || key == "header_fields" || key == "received" ||
         key == "from_fields";
}

std::vector<std::string_view> evidence_results(std::string_view key) {
  if (key == "spf") return spf_words();
  if (key == "dmarc") return dmarc_words();
  if (key == "dmarc_policy") return policy_words();
  if (key == "arc") return arc_words();
  return {};
}

FrozenEvidence frozen_from(const EvidenceWords& given) {
  FrozenEvidence out;
  const auto word = [&](std::string_view key) {
    const auto found = given.words.find(key);
    return found == given.words.end() ? nullptr : &found->second;
  };
  if (const auto* spf = word("spf")) {
    out.spf.emplace().status = named<mailauth::spf::Status>(spf_words(), *spf);
  }
  if (const auto* author = word("author")) {
    out.author.emplace();
    out.author->domains = {*author};
    out.author->valid = true;
    out.author->addresses = 1;
  }
  if (given.dkim) {
    out.dkim.emplace().from_fields = 1;
    for (const std::string& domain : *given.dkim) {
      mailauth::dkim::SignatureResult& one = out.dkim->signatures.emplace_back();
      one.signature.domain = domain;
      one.status = mailauth::dkim::Status::pass;
      one.acceptable = true;
    }
  }
  if (const auto* dmarc = word("dmarc")) {
    mailauth::dmarc::Result& result = out.dmarc.emplace();
    result.status = named<mailauth::dmarc::Status>(dmarc_words(), *dmarc);
    if (const auto* policy = word("dmarc_policy")) {
      result.policy = named<mailauth::dmarc::Policy>(policy_words(), *policy);
      result.disposition = result.policy;
    }
    if (const auto* author = word("author")) result.from_domain = *author;
  }
  if (const auto* arc = word("arc")) {
    out.arc.emplace().status = named<mailauth::arc::Status>(arc_words(), *arc);
  }
  return out;
}

EvidenceWords words_of_evidence(const policy::Evidence& evidence) {
  EvidenceWords out;
  if (evidence.spf) out.words["spf"] = mailauth::spf::to_string(evidence.spf->status);
  if (evidence.dkim) {
    auto& domains = out.dkim.emplace();
    for (const auto& one : evidence.dkim->signatures) {
      if (one.acceptable) domains.push_back(one.signature.domain);
    }
  }
  if (evidence.dmarc) {
    out.words["dmarc"] = mailauth::dmarc::to_string(evidence.dmarc->status);
    out.words["dmarc_policy"] = mailauth::dmarc::to_string(evidence.dmarc->policy);
    if (!evidence.dmarc->from_domain.empty()) out.words["author"] = evidence.dmarc->from_domain;
  }
  if (evidence.author && evidence.author->is_strict()) {
    out.words["author"] = evidence.author->domains.front();
  }
  if (evidence.arc) out.words["arc"] = mailauth::arc::to_text(evidence.arc->status);
  if (evidence.message) {
    const policy::MessageFacts& facts = *evidence.message;
    out.counts = {{"size", facts.size},
                  {"header_size", facts.header_size},
                  {"header_fields", facts.header_fields},
                  {"received", facts.received_fields},
                  {"from_fields", facts.from_fields}};
    if (!facts.message_id.empty()) out.words["message_id"] = facts.message_id;
  }
  return out;
}

}  // namespace postern::app
