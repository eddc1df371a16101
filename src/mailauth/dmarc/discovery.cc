#include "mailauth/dmarc/discovery.h"

#include "mailauth/names.h"

namespace mailauth::dmarc {
namespace {

/// RFC 9989 §4.10 step 4: longer names are shortened to this many labels at once.
constexpr std::size_t max_walk_labels = 7;

Finding read_answer(const Answer& answer) {
  Finding finding;
  finding.failed = answer.status == Answer::Status::failure;
  for (const std::string& text : answer.records) {
    std::optional<Record> record = Record::parse(text);
    if (!record) continue;
    if (finding.record) return {.failed = false, .several = true, .record = {}};
    finding.record = std::move(record);
  }
  return finding;
}

/// The next name of the tree walk; empty after the top-level domain.
std::string step_up(std::string_view name) {
  return label_count(name) > max_walk_labels ? std::string(last_labels(name, max_walk_labels))
                                             : std::string(parent_domain(name));
}

}  // namespace

Evaluation<Finding> find_record(Findings& findings, std::string domain) {
  if (const auto known = findings.names.find(domain); known != findings.names.end()) {
    co_return known->second;
  }
  if (findings.queries >= findings.limit)
    co_return Finding{.failed = true, .several = false, .record = {}};
  std::string name = "_dmarc." + domain;
  Finding finding;
  if (name.size() <= max_domain) {  // a longer name cannot exist
    ++findings.queries;
    const Answer answer = co_await Question{.name = std::move(name), .type = RecordType::txt};
    finding = read_answer(answer);
  }
  findings.names.emplace(std::move(domain), finding);
  co_return finding;
}

Evaluation<Walk> walk_tree(Findings& findings, std::string domain) {
  Walk walk{.org_domain = domain, .suffix_domain = {}, .failed = false};
  for (std::string name = domain; !name.empty(); name = step_up(name)) {
    const Finding finding = co_await find_record(findings, name);
    if (finding.failed) {
      // The missing answers are for names above, so org_domain can only become shorter.
      walk.failed = true;
      break;
    }
    if (!finding.record) continue;
    const SuffixFlag psd = finding.record->psd;
    if (psd == SuffixFlag::yes && name != domain) {
      // RFC 9989 §4.10.2: the organizational domain has one label more than the public suffix.
      walk.org_domain = last_labels(domain, label_count(name) + 1);
      walk.suffix_domain = name;
      break;
    }
    // Otherwise it is the shortest name with a record, or the name with psd=n.
    walk.org_domain = name;
    if (psd != SuffixFlag::unknown) break;
  }
  co_return walk;
}

}  // namespace mailauth::dmarc
