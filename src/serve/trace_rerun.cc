#include "serve/trace_rerun.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "policy/trace.h"

namespace postern::app {
namespace {

using policy::Decision;
using policy::Stage;
using policy::Trace;
using replay::Change;
using replay::Replayed;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds rerun_patience{10};  ///< for all queries together
constexpr std::size_t most_sentences = 100;
constexpr std::size_t longest_answer = 300;

/// Current DNS until a deadline: sends each query once and keeps the answers.
class TodaysDns final : public dns::Resolver {
 public:
  explicit TodaysDns(dns::Resolver& resolver) : resolver_(resolver) {}

  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds limit) override {
    const auto known = answers_.find(question);
    if (known != answers_.end()) co_return known->second;
    dns::Answer answer{.status = dns::Status::timeout, .records = {}};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end_ - Clock::now());
    if (left > std::chrono::milliseconds::zero()) {
      answer = co_await resolver_.lookup(question, std::min(left, limit));
    }
    answers_.emplace(std::move(question), answer);
    co_return answer;
  }

  const std::map<dns::Question, dns::Answer>& answers() const { return answers_; }

 private:
  dns::Resolver& resolver_;
  const Clock::time_point end_ = Clock::now() + rerun_patience;
  std::map<dns::Question, dns::Answer> answers_;
};

/// Distinct sentences, limited in number.
class Sentences {
 public:
  void add(std::string sentence) {
    if (all_.size() < most_sentences && known_.insert(sentence).second) {
      all_.push_back(std::move(sentence));
    }
  }
  std::vector<std::string> take() { return std::move(all_); }

 private:
  std::set<std::string> known_;
  std::vector<std::string> all_;
};

/// The records in a fixed order, independent of the server's.
std::string words_of(const dns::Answer& answer) {
  if (answer.status != dns::Status::found) return std::string(dns::to_string(answer.status));
  std::vector<std::string> records = answer.records;
  std::sort(records.begin(), records.end());
  return printable(fmt::format("{}", fmt::join(records, " | ")), longest_answer);
}

bool same_answer(const dns::Answer& a, const dns::Answer& b) {
  if (a.status != b.status) return false;
  return a.status != dns::Status::found || std::is_permutation(a.records.begin(), a.records.end(),
                                                               b.records.begin(), b.records.end());
}

void tell_dns(const std::vector<policy::DnsRecord>& then, const TodaysDns& today,
              Sentences& changes, Sentences& cannot_tell) {
  for (const auto& [question, now] : today.answers()) {
    const std::string name =
        fmt::format("DNS {} {}", printable(question.name, 255), dns::to_string(question.type));
    if (now.trouble()) cannot_tell.add(fmt::format("{}: {}", name, dns::to_string(now.status)));
    const auto was = std::find_if(then.begin(), then.end(), [&](const policy::DnsRecord& one) {
      return !one.in_shadow && one.question == question;
    });
    if (was == then.end() || same_answer(was->answer, now)) continue;
    changes.add(fmt::format("{}: was {}, is {}", name, words_of(was->answer), words_of(now)));
  }
}

/// Replaces recorded routes by current ones. `granted` holds what the current policies say about
/// the authenticated user's credentials.
class TodaysPolicies {
 public:
  /// `account`: policies of other accounts are not reported.
  TodaysPolicies(Trace& trace, const policy::Directory& directory,
                 const std::optional<std::string>& account)
      : trace_(trace), directory_(directory), account_(account) {
    if (trace.evidence.session.auth) granted_then_ = trace.evidence.session.auth->granted;
  }

  void put(Sentences& cannot_tell) {
    for (Decision& decision : trace_.decisions) {
      if (decision.candidate) put(*decision.candidate, cannot_tell);
    }
    for (policy::Recipient& one : trace_.evidence.recipients) put(one, cannot_tell);
    if (trace_.evidence.session.auth) trace_.evidence.session.auth->granted = granted_now_;
  }

 private:
  void put(policy::Recipient& recipient, Sentences& cannot_tell) {
    // The record lacks what completes an address without a domain: its route stays.
    if (recipient.address.domain.empty()) return;
    recipient.route = directory_.resolve(recipient.address);
    recipient.judged.reset();
    const auto& policy = recipient.route.policy;
    const auto& auth = trace_.evidence.session.auth;
    if (!policy || !auth) return;
    const policy::Credential* credential = policy->credential(auth->username);
    if (credential == nullptr) return;
    if (granted_then_.contains(policy->id)) granted_now_[policy->id] = credential->stamp;
    if (account_ && policy->account_id != *account_) return;
    cannot_tell.add(
        fmt::format("AUTH: the password is not recorded; whether it opened {} is used as recorded",
                    policy->id));
  }

  Trace& trace_;
  const policy::Directory& directory_;
  const std::optional<std::string>& account_;
  std::map<std::string, std::uint64_t> granted_then_;
  std::map<std::string, std::uint64_t> granted_now_;
};

/// Lists what is taken from the record although it may differ today.
void tell_recorded(const Trace& trace, const store::TraceRow& row, Sentences& cannot_tell) {
  const policy::Evidence& evidence = trace.evidence;
  if (evidence.dkim || evidence.arc) {
    cannot_tell.add(
        "DKIM and ARC: the message's text is not kept, so the recorded results are used");
  }
  for (const policy::Consultation& one : evidence.consulted) {
    cannot_tell.add(printable(one.service, 200) + ": its recorded answer is used");
  }
  for (const Decision& decision : trace.decisions) {
    if (!decision.script.empty()) cannot_tell.add("scripts: they get the recorded answers");
    if (decision.rate_tokens) cannot_tell.add("rate limit: it is as full as recorded");
  }
  if (row.layer == "delivery") cannot_tell.add("delivery: the webhook is not called again");
}

std::string name_of_replayed(const Replayed& one) {
  std::string name(policy::to_string(one.stage));
  if (!one.recipient.empty()) name += " <" + printable(one.recipient, 320) + ">";
  return name;
}

std::string sentence_of(const Replayed& one) {
  const bool refused = one.draft_reply.code != 0;
  return fmt::format("{}: was {}, would be {}", name_of_replayed(one), printable(one.recorded, 600),
                     (refused ? "refused: " : "") + printable(one.draft, 600));
}

void put_refusal(store::TraceRow& row, const Replayed& one) {
  const smtp::Reply& reply = one.draft_reply;
  row.outcome = reply.temporary() ? "deferred" : "rejected";
  row.code = reply.code;
  row.enhanced = reply.enhanced.present() ? reply.enhanced.to_string() : "";
  row.reply = reply.text;
  const replay::RuleName rule = one.draft_rule.value_or(replay::RuleName{});
  row.layer = rule.layer;
  row.rule = rule.check;
  row.origin = rule.origin;
  row.reason = one.draft_detail;
}

/// The recorded summary as it would be today; unchanged if something decisive is unknown.
store::TraceRow row_now(const store::TraceRow& then, const std::vector<Replayed>& found) {
  const Replayed* settling = nullptr;
  const Replayed* last_recipient = nullptr;
  bool accepted_recipient = false;
  bool changed = false;
  for (const Replayed& one : found) {
    if (one.change == Change::undecidable) {
      if (!changed) return then;
      continue;
    }
    changed = changed || one.change != Change::same;
    const bool refused = one.draft_reply.code != 0;
    if (one.stage == Stage::rcpt) {
      accepted_recipient = accepted_recipient || !refused;
      if (refused) last_recipient = &one;
    } else if (refused) {
      settling = &one;
    }
  }
  if (settling == nullptr && !accepted_recipient) settling = last_recipient;
  if (!changed || (settling != nullptr && settling->change == Change::same)) return then;
  store::TraceRow now = then;
  if (settling != nullptr) {
    put_refusal(now, *settling);
  } else if (then.outcome != "accepted") {
    put_refusal(now, Replayed{});
    now.outcome = "accepted";
  }
  return now;
}

/// Adds the recipients of other accounts.
void note_foreign(const Trace& trace, const std::optional<std::string>& account,
                  std::set<std::string>& foreign) {
  for (const Decision& one : trace.decisions) {
    const policy::Webhook* webhook = one.candidate ? one.candidate->route.webhook.get() : nullptr;
    if (account && webhook != nullptr && webhook->account_id != *account) {
      foreign.insert(one.recipient);
    }
  }
}

}  // namespace

Task<admin::TraceRerunResult> decide_again(policy::Trace trace, const replay::Draft& draft,
                                           const policy::Directory& directory,
                                           dns::Resolver& resolver,
                                           std::optional<std::string> account) {
  admin::TraceRerunResult result;
  result.then = store::row_of(trace);
  Sentences changes;
  Sentences cannot_tell;
  tell_recorded(trace, result.then, cannot_tell);
  std::set<std::string> foreign;  // in the record or today
  note_foreign(trace, account, foreign);
  TodaysPolicies(trace, directory, account).put(cannot_tell);
  note_foreign(trace, account, foreign);
  const std::vector<policy::DnsRecord> dns_then = std::exchange(trace.evidence.dns, {});
  trace.evidence.spf.reset();
  trace.evidence.dmarc.reset();
  TodaysDns today(resolver);
  replay::ScriptLog log;
  std::vector<Replayed> found = co_await replay::replay(trace, draft, &today, &log);
  std::erase_if(found, [&](const Replayed& one) { return foreign.contains(one.recipient); });
  for (const Replayed& one : found) {
    if (one.change == Change::undecidable) {
      std::string lack = one.lack.kind;
      if (!one.lack.example.empty()) lack += " " + printable(one.lack.example, 255);
      cannot_tell.add(fmt::format("{}: depends on {}", name_of_replayed(one), lack));
    } else if (one.change != Change::same) {
      result.same = false;
      changes.add(sentence_of(one));
    }
  }
  tell_dns(dns_then, today, changes, cannot_tell);
  result.now = row_now(result.then, found);
  result.changes = changes.take();
  result.cannot_tell = cannot_tell.take();
  result.script_log = log.lines();
  co_return result;
}

namespace {

Result<std::optional<Trace>> read_trace(const std::string& path,
                                        const std::optional<std::string>& account,
                                        const std::string& id) {
  auto reader = store::TraceReader::open(path);
  if (!reader) return tl::unexpected(reader.error());
  auto record = (*reader)->record_for(account, id);
  if (!record) return tl::unexpected(record.error());
  if (!*record) return std::optional<Trace>();
  const auto source =
      replay::replay_source([&reader](const std::string& name, std::uint64_t version) {
        return (*reader)->definition(name, version);
      });
  Result<Trace> trace = policy::read_record(**record, source);
  if (!trace) return tl::unexpected(trace.error());
  return std::optional<Trace>(std::move(*trace));
}

}  // namespace

Task<Result<std::optional<admin::TraceRerunResult>>> TraceRerunPort::run(
    std::optional<std::string> account, std::string id) {
  store::TraceWriter* writer = &writer_;
  auto work = [writer, path = path_, account, id = std::move(id)] {
    writer->flush();
    return read_trace(path, account, id);
  };
  auto read =
      co_await disk_.run({.account = account.value_or("operators"), .client = {}}, std::move(work));
  if (!read) co_return tl::unexpected(read.error());
  if (!*read) co_return tl::unexpected(read->error());
  if (!**read) co_return std::optional<admin::TraceRerunResult>();
  const replay::Draft draft = running_();
  admin::TraceRerunResult result =
      co_await decide_again(std::move(***read), draft, directory_, resolver_, account);
  co_return std::optional<admin::TraceRerunResult>(std::move(result));
}

}  // namespace postern::app
