#include "plan/facts.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/domain_below.h"
#include "mailauth/dmarc/evaluate.h"
#include "mailauth/names.h"
#include "policy/questions/spf.h"

namespace postern::plan {

using mailauth::dmarc::Author;
using policy::Evidence;
using policy::Stage;

namespace {

constexpr std::string_view same_domain_question = ".";  ///< the domain that was asked before
// Several authors: of DMARC's they are none (RFC 7489 §6.6.1), whoever they are. In one From field,
// or in several, with which no signature counts.
constexpr std::string_view one_field = "1";
constexpr std::string_view several_fields = "2";
constexpr std::string_view other_author = "author at ";  ///< begins a question
constexpr std::uint64_t usual_size = 1000;

// The values of the variable of signatures: 0 is none, and behind these are the sets of signers.
constexpr std::size_t wrong_signature = 1;
constexpr std::size_t undecided_signature = 2;
constexpr std::size_t first_signers = 3;

constexpr std::array<mailauth::spf::Status, 7> asked_spf_results{
    mailauth::spf::Status::none,     mailauth::spf::Status::pass,
    mailauth::spf::Status::fail,     mailauth::spf::Status::softfail,
    mailauth::spf::Status::neutral,  mailauth::spf::Status::temperror,
    mailauth::spf::Status::permerror};

/// A domain that no word is, nor is above.
std::string unrelated_domain(std::string_view label, const std::set<std::string>& words) {
  for (int number = 0;; ++number) {
    const std::string name =
        number == 0 ? fmt::format("{}.test", label) : fmt::format("{}.t{}.test", label, number);
    const bool is_free = std::ranges::none_of(
        words, [&](const std::string& word) { return name == word || domain_below(name, word); });
    if (is_free) return name;
  }
}

/// A name below the word, and below no word that is longer.
std::string name_directly_below(const std::string& word, const std::set<std::string>& words) {
  std::string label = "h";
  for (int number = 1; words.contains(label + "." + word); ++number) {
    label = "h" + std::to_string(number);
  }
  return label + "." + word;
}

/// The domain that SPF is asked about; nullopt: there is no result for it (RFC 7208 §4.3).
std::optional<std::string> spf_domain_of(const Evidence& evidence) {
  auto domain = mailauth::normalize_domain(policy::questions::spf_domain(evidence));
  if (!domain || domain->find('.') == std::string::npos) return std::nullopt;
  return domain;
}

mailauth::spf::Result spf_result(mailauth::spf::Status status, const Evidence& evidence) {
  mailauth::spf::Result result;
  const auto domain = spf_domain_of(evidence);
  // RFC 7208 §2.4: of the null reverse-path it is the identity of HELO.
  if (!evidence.reverse_path) result.identity = mailauth::spf::Identity::helo;
  result.domain = domain.value_or(std::string(policy::questions::spf_domain(evidence)));
  result.sender =
      evidence.reverse_path ? evidence.reverse_path->text() : "postmaster@" + result.domain;
  result.status = domain ? status : mailauth::spf::Status::none;
  return result;
}

mailauth::dkim::SignatureResult signature_of(const std::string& domain,
                                             mailauth::dkim::Status status) {
  mailauth::dkim::SignatureResult one;
  one.signature.domain = domain;
  one.signature.selector = "s";
  one.signature.identity = "@" + domain;
  one.signature.identity_domain = domain;
  one.status = status;
  using mailauth::dkim::Reason;
  one.reason = status == mailauth::dkim::Status::pass   ? Reason::ok
               : status == mailauth::dkim::Status::fail ? Reason::value_mismatch
                                                        : Reason::key_unavailable;
  one.key_bits = 2048;
  one.acceptable = status == mailauth::dkim::Status::pass;
  return one;
}

/// From fields of the message.
std::size_t fields_of(const Author& author) {
  return author.valid                                                   ? 1
         : author.fault == mailauth::dmarc::AuthorFault::several_fields ? author.addresses
                                                                        : 0;
}

}  // namespace

Facts::Facts(Vocabulary& vocabulary, const FactWords& words, mailauth::dmarc::Mode mode)
    : vocabulary_(vocabulary), mode_(mode) {
  std::set<std::string>& names = names_;
  names = words.authors;
  for (const policy::DomainSet& set : words.signers) {
    for (const std::string& entry : set.entries()) {
      names.insert(entry.starts_with('.') ? entry.substr(1) : entry);
    }
  }
  authors_ = {std::string(same_domain_question), unrelated_domain("author", names)};
  for (const std::string& name : words.authors) {
    others_.push_back(name);
    others_.push_back(name_directly_below(name, names));
  }
  authors_.insert(authors_.end(), others_.begin(), others_.end());
  authors_.insert(authors_.end(), {"", std::string(one_field), std::string(several_fields)});

  // Of the signers that no set tells apart one stands for all; an author's domain, for itself.
  std::map<std::pair<std::vector<bool>, std::string>, std::string> kinds;
  const auto add_signer = [&](const std::string& name) {
    std::vector<bool> in;
    for (const policy::DomainSet& set : words.signers) in.push_back(set.contains(name));
    const bool is_author = words.asks_dmarc && std::ranges::find(authors_, name) != authors_.end();
    kinds.emplace(std::pair(std::move(in), is_author ? name : ""), name);
  };
  add_signer(unrelated_domain("signer", names));
  for (const std::string& name : names) {
    add_signer(name);
    add_signer(name_directly_below(name, names));
  }
  for (const auto& [kind, name] : kinds) signers_.push_back(name);
  if (words.asks_dmarc) signers_.emplace_back(same_domain_question);
  constexpr std::size_t most_signers = 7;
  if (signers_.size() > most_signers) {
    throw NotCompiled("table_too_large", "more than seven kinds of DKIM signers");
  }

  records_ = {""};
  for (const std::string_view policy : {"reject", "quarantine", "none"}) {
    for (const std::string_view modes : {"", "; adkim=s; aspf=s"}) {
      records_.push_back(fmt::format("v=DMARC1; p={}{}", policy, modes));
      if (mode_ == mailauth::dmarc::Mode::tree_walk) records_.push_back("^" + records_.back());
    }
  }
  records_.emplace_back("?");

  sizes_ = {usual_size};
  for (const std::uint64_t size : words.sizes) {
    for (const std::uint64_t one : {size, size + 1}) {
      if (std::ranges::find(sizes_, one) == sizes_.end()) sizes_.push_back(one);
    }
  }
}

const OpenQuestion& Facts::question(const std::string& key) {
  if (const auto known = questions_.find(key); known != questions_.end()) return *known->second;
  std::vector<std::string> words;
  if (key == "spf") {
    for (const auto status : asked_spf_results)
      words.emplace_back(mailauth::spf::to_string(status));
  } else if (key == "header_from") {
    for (const std::string& name : authors_) {
      words.push_back(name == same_domain_question ? "the sender's domain"
                      : name.empty()               ? "no author"
                      : name == one_field          ? "several authors"
                      : name == several_fields     ? "in several fields"
                                                   : name);
    }
  } else if (key.starts_with(other_author)) {
    words = {"no", "yes"};
  } else if (key == "dkim") {
    words = {"none", "fail", "temperror"};
    for (std::size_t set = 1; set < std::size_t{1} << signers_.size(); ++set) {
      std::string text = "signed by";
      for (std::size_t at = 0; at < signers_.size(); ++at) {
        if ((set >> at & 1) == 0) continue;
        text += signers_[at] == same_domain_question ? " the author's domain" : " " + signers_[at];
      }
      words.push_back(std::move(text));
    }
  } else if (key == "dmarc record") {
    for (const std::string& record : records_) {
      words.push_back(record.empty() ? "none" : record == "?" ? "no answer" : record);
    }
  } else {
    for (const std::uint64_t size : sizes_) words.push_back(std::to_string(size));
  }
  const OpenQuestion& made = vocabulary_.ask_fact(key, words);
  questions_.emplace(key, &made);
  return made;
}

// ------------------------------------------------------------------------------- from values

Author Facts::author(std::size_t value, const Evidence& evidence) const {
  Author author;
  std::string domain = authors_[value];
  if (are_several(value)) {
    author.domains = {authors_[1]};
    author.addresses = 2;
    author.valid = domain == one_field;
    if (!author.valid) author.fault = mailauth::dmarc::AuthorFault::several_fields;
    return author;
  }
  if (domain == same_domain_question) domain = spf_domain_of(evidence).value_or(authors_[1]);
  if (domain.empty()) {
    author.fault = mailauth::dmarc::AuthorFault::no_field;
    return author;
  }
  author.domains = {std::move(domain)};
  author.valid = true;
  author.addresses = 1;
  return author;
}

bool Facts::are_several(std::size_t author) const {
  return authors_[author] == one_field || authors_[author] == several_fields;
}

mailauth::dkim::Results Facts::dkim(std::size_t value, const Author& author) const {
  using mailauth::dkim::Status;
  mailauth::dkim::Results results;
  results.from_fields = fields_of(author);
  const std::string& domain = author.valid ? author.domains.front() : authors_[1];
  if (value == wrong_signature) results.signatures.push_back(signature_of(domain, Status::fail));
  if (value == undecided_signature) {
    results.signatures.push_back(signature_of(domain, Status::temperror));
  }
  if (value < first_signers) return results;
  const std::size_t set = value - first_signers + 1;
  for (std::size_t at = 0; at < signers_.size(); ++at) {
    if ((set >> at & 1) == 0) continue;
    auto one =
        signature_of(signers_[at] == same_domain_question ? domain : signers_[at], Status::pass);
    // RFC 6376 §8.15: without exactly one From field no signature counts.
    one.acceptable = author.valid;
    results.signatures.push_back(std::move(one));
  }
  return results;
}

std::optional<dns::Answer> Facts::record_at(const std::string& name, std::size_t record,
                                            const Author& author) const {
  if (!name.starts_with("_dmarc.") || !author.valid) return std::nullopt;
  const dns::Answer missing{.status = dns::Status::nx_domain, .records = {}};
  std::string text = records_[record];
  if (text.empty()) return missing;
  const std::string& domain = author.domains.front();
  const bool parent_too = text.starts_with('^');
  if (parent_too) text.erase(0, 1);
  const std::size_t dot = domain.find('.');
  const std::string parent = dot == std::string::npos ? "" : domain.substr(dot + 1);
  // A record of a whole top-level domain is another world.
  const bool at_parent =
      parent_too && parent.find('.') != std::string::npos && name == "_dmarc." + parent;
  if (name != "_dmarc." + domain && !at_parent) return missing;
  if (text == "?") return dns::Answer{.status = dns::Status::server_failure, .records = {}};
  return dns::Answer{.status = dns::Status::found, .records = {text}};
}

mailauth::dmarc::Result Facts::dmarc(const Evidence& evidence, std::size_t record) const {
  auto check = mailauth::dmarc::evaluate_author(*evidence.author, policy::dmarc_request(evidence),
                                                {.mode = mode_, .draw = {}});
  while (const mailauth::Question* asked = check.next()) {
    const auto found = asked->type == mailauth::RecordType::txt
                           ? record_at(asked->name, record, *evidence.author)
                           : std::nullopt;
    check.feed(policy::to_mailauth(
        found.value_or(dns::Answer{.status = dns::Status::nx_domain, .records = {}})));
  }
  return check.result();
}

std::size_t Facts::value_in(const Assignment& values, const std::string& key) const {
  const auto known = questions_.find(key);
  if (known == questions_.end()) return 0;
  const Variable variable = known->second->variable;
  return variable < values.size() && values[variable] != any_value ? values[variable] : 0;
}

app::FrozenEvidence Facts::frozen(const Assignment& values, const app::Dialogue& dialogue) const {
  app::FrozenEvidence frozen;
  if (questions_.empty()) return frozen;
  Evidence evidence;
  evidence.reverse_path = dialogue.sender;
  evidence.session.helo = dialogue.helo.value_or("");
  frozen.spf = spf_result(asked_spf_results[value_in(values, "spf")], evidence);
  const std::size_t who = value_in(values, "header_from");
  frozen.author = author(who, evidence);
  for (const std::string& domain : others_) {
    const bool is_there = value_in(values, std::string(other_author) + domain) == 1;
    if (are_several(who) && is_there) frozen.author->domains.push_back(domain);
  }
  frozen.dkim = dkim(value_in(values, "dkim"), *frozen.author);
  policy::MessageFacts message = policy::facts_of(dialogue.message.value_or(""));
  message.size = sizes_[value_in(values, "size")];
  message.from_fields = fields_of(*frozen.author);
  frozen.message = std::move(message);
  return frozen;
}

std::optional<dns::Answer> Facts::text(const Assignment& values, const app::Dialogue& dialogue,
                                       const dns::Question& question) const {
  if (questions_.empty() || question.type != dns::Type::txt) return std::nullopt;
  Evidence evidence;
  evidence.reverse_path = dialogue.sender;
  evidence.session.helo = dialogue.helo.value_or("");
  return record_at(question.name, value_in(values, "dmarc record"),
                   author(value_in(values, "header_from"), evidence));
}

MessageWorld Facts::world() const {
  return {.frozen = [this](const Assignment& values,
                           const app::Dialogue& said) { return frozen(values, said); },
          .text = [this](const Assignment& values, const app::Dialogue& said,
                         const dns::Question& question) { return text(values, said, question); }};
}

std::vector<std::string> Facts::words_of(const Assignment& values) const {
  std::vector<std::string> words;
  for (const auto& [key, question] : questions_) {
    if (question->variable >= values.size() || values[question->variable] == any_value) continue;
    if (key.starts_with(other_author)) {
      if (values[question->variable] == 1) words.push_back("an " + key);
      continue;
    }
    words.push_back(key + " " + question->answers[values[question->variable]].words);
  }
  return words;
}

// ------------------------------------------------------------------------------- diagrams

Ref Facts::over(const FactNeeds& needs, const Judge& judge) {
  FactNeeds all = needs;
  if (all.dmarc) all.spf = all.dkim = all.author = true;
  const bool own_signer = std::ranges::find(signers_, same_domain_question) != signers_.end();
  if (all.dkim && own_signer) all.author = true;
  return over_sender(all, judge);
}

Ref Facts::author_in(const std::function<bool(const std::string&)>& has) {
  const auto any = [&](const Evidence& evidence) {
    return std::ranges::any_of(evidence.author->domains, has);
  };
  const Ref first = over({.author = true}, [&](const Evidence& said) { return any(said) ? 1 : 0; });
  const Ref several = over({.author = true},
                           [](const Evidence& said) { return said.author->addresses > 1 ? 1 : 0; });
  Diagrams& diagrams = vocabulary_.diagrams();
  Ref others = diagrams.leaf(0);
  for (const std::string& domain : others_) {
    if (!has(domain)) continue;
    const Ref is_there = diagrams.choose(question(std::string(other_author) + domain).variable,
                                         {diagrams.leaf(0), diagrams.leaf(1)});
    others = diagrams.either(others, is_there);
  }
  return diagrams.either(first, diagrams.both(several, others));
}

Ref Facts::over_sender(FactNeeds needs, const Judge& judge) {
  Diagrams& diagrams = vocabulary_.diagrams();
  const Classes& classes = vocabulary_.classes();
  Evidence evidence = evidence_of(classes, {}, Stage::message);
  if (!needs.sender && !needs.spf && !needs.author) return over_author(needs, evidence, judge);
  std::map<std::string, Ref> known;
  const auto with_sender = [&] {
    std::string domain = spf_domain_of(evidence).value_or("");
    if (!needs.sender && !domain.empty() && is_unrelated(domain)) domain = "*";
    if (const auto found = known.find(domain); found != known.end()) return found->second;
    const Ref made = over_author(needs, evidence, judge);
    known.emplace(domain, made);
    return made;
  };
  std::vector<Ref> by_sender;
  for (const AddressClass& sender : classes.senders) {
    evidence.reverse_path = sender.one;
    if (sender.one) {
      by_sender.push_back(with_sender());
      continue;
    }
    std::vector<Ref> by_helo;
    for (const HeloClass& helo : classes.helos) {
      evidence.session.helo = helo.name;
      by_helo.push_back(with_sender());
    }
    by_sender.push_back(diagrams.choose(Vocabulary::variable(Axis::helo), by_helo));
  }
  return diagrams.choose(Vocabulary::variable(Axis::sender), by_sender);
}

/// Whether the domain has to do with no word: not even an organization in common.
bool Facts::is_unrelated(const std::string& domain) const {
  const auto last_labels = [](std::string_view name) {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0) return name;
    const std::size_t before = name.rfind('.', dot - 1);
    return before == std::string_view::npos ? name : name.substr(before + 1);
  };
  const auto near = [&](const std::string& name) {
    return last_labels(name) == last_labels(domain);
  };
  return !near(authors_[1]) && std::ranges::none_of(names_, near);
}

Ref Facts::over_author(const FactNeeds& needs, Evidence& evidence, const Judge& judge) {
  if (!needs.author) return over_dkim(needs, {}, evidence, judge);
  std::vector<Ref> children;
  for (std::size_t value = 0; value < authors_.size(); ++value) {
    evidence.author = author(value, evidence);
    children.push_back(over_dkim(needs, {.author = value}, evidence, judge));
  }
  return vocabulary_.diagrams().choose(question("header_from").variable, children);
}

Ref Facts::over_dkim(const FactNeeds& needs, Picked picked, Evidence& evidence,
                     const Judge& judge) {
  Diagrams& diagrams = vocabulary_.diagrams();
  if (!needs.dkim) return over_spf(needs, picked, evidence, judge);
  const OpenQuestion& signatures = question("dkim");
  const Author author =
      evidence.author.value_or(Author{.domains = {authors_[1]}, .valid = true, .addresses = 1});
  std::vector<Ref> by_signers;
  for (picked.dkim = 0; picked.dkim < signatures.answers.size(); ++picked.dkim) {
    evidence.dkim = dkim(picked.dkim, author);
    if (!needs.dmarc) {
      by_signers.push_back(over_spf(needs, picked, evidence, judge));
      continue;
    }
    std::vector<Ref> by_record;
    for (picked.record = 0; picked.record < records_.size(); ++picked.record) {
      diagrams.poll();
      by_record.push_back(over_spf(needs, picked, evidence, judge));
    }
    by_signers.push_back(diagrams.choose(question("dmarc record").variable, by_record));
  }
  return diagrams.choose(signatures.variable, by_signers);
}

Ref Facts::over_spf(const FactNeeds& needs, const Picked& picked, Evidence& evidence,
                    const Judge& judge) {
  if (!needs.spf) return over_size(needs, evidence, judge);
  using Says = policy::questions::Spf::Says;
  // DMARC tells three results apart.
  std::map<Says, mailauth::dmarc::Result> known;
  std::vector<Ref> children;
  for (const auto status : asked_spf_results) {
    evidence.spf = spf_result(status, evidence);
    if (needs.dmarc) {
      const Says says = policy::questions::spf(evidence).says;
      const bool matters = says == Says::authorised || says == Says::unanswered;
      const Says kind = matters ? says : Says::nothing;
      auto found = known.find(kind);
      if (found == known.end()) found = known.emplace(kind, dmarc(evidence, picked.record)).first;
      evidence.dmarc = found->second;
    }
    children.push_back(over_size(needs, evidence, judge));
  }
  return vocabulary_.diagrams().choose(question("spf").variable, children);
}

Ref Facts::over_size(const FactNeeds& needs, Evidence& evidence, const Judge& judge) {
  Diagrams& diagrams = vocabulary_.diagrams();
  if (!needs.size) return diagrams.leaf(judge(evidence));
  std::vector<Ref> children;
  for (const std::uint64_t size : sizes_) {
    evidence.message = policy::MessageFacts{.size = size};
    children.push_back(diagrams.leaf(judge(evidence)));
  }
  return diagrams.choose(question("size").variable, children);
}

}  // namespace postern::plan
