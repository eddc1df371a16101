// Evidence for replayed decisions (replay.cc).
#pragma once

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/restrictions/remote_table.h"
#include "dialect/restrictions/verification.h"
#include "dns/resolver.h"
#include "mailauth/spf/check_host.h"
#include "replay/replay.h"

namespace postern::replay {

/// Thrown for evidence that is not recorded. The engine turns it into a refusal with this text in
/// its step.
struct LacksEvidence : std::runtime_error {
  /// The text names the lack.
  explicit LacksEvidence(const Lack& lack)
      : std::runtime_error("not in the record: " + lack.kind + " " + lack.example) {}
};

/// Answers from the record, for DNS also from a live resolver if there is one. Remembers what it
/// could not answer.
class ReplayGatherer final : public policy::Gatherer, private dns::Resolver {
 public:
  /// All pointers and references are borrowed; `live` and `log` may be null.
  ReplayGatherer(const policy::AuthenticationOptions& options, dns::Resolver* live, ScriptLog* log,
                 DnsTrouble trouble)
      : options_(options), live_(live), log_(log), trouble_(trouble) {}

  Task<void> gather(policy::Need needs, policy::Evidence& evidence) override {
    if (policy::has(needs, policy::Need::rate_tokens)) lack({"the level of a rate limit", {}});
    if (policy::has(needs, policy::Need::arc)) lack({"the message's ARC chain", {}});
    const bool dmarc = policy::has(needs, policy::Need::dmarc);
    if (!evidence.dkim && (dmarc || policy::has(needs, policy::Need::dkim))) {
      lack({"the message's DKIM signatures", {}});
    }
    policy::DnsDesk desk(*this, evidence, mailauth::spf::max_queries, within());
    if (!evidence.spf && (dmarc || policy::has(needs, policy::Need::spf))) {
      co_await policy::find_spf(evidence, desk, options_, nullptr);
    }
    if (dmarc) co_await policy::find_dmarc(evidence, desk, options_);
  }

  Task<void> ask(dns::Question question, policy::Evidence& evidence) override {
    // Asked for only if the layer does not see it: a layer in shadow had this answer. A failure
    // would have been asked again.
    const auto known = std::ranges::find(evidence.dns, question, &policy::DnsRecord::question);
    if (known != evidence.dns.end() && !known->answer.trouble()) {
      known->in_shadow = false;
      co_return;
    }
    dns::Answer answer = co_await lookup(question, within());
    evidence.dns.push_back({std::move(question), std::move(answer)});
  }

  Task<void> consult(policy::Consultation question, policy::Evidence& evidence) override {
    const auto* known = evidence.consulted.find(question.service, question.request, true);
    if (known != nullptr && !known->failed) {  // as in ask()
      evidence.consulted.show(*known);
      co_return;
    }
    if (policy::is_verification(question.service)) {
      lack({"what a mail host says about an address", question.request});
    }
    const bool is_table = dialect::restrictions::is_remote_table(question.service);
    lack({(is_table ? "answers of the table " : "answers of the policy server ") + question.service,
          is_table ? question.request : std::string()});
    co_return;
  }

  std::optional<std::string_view> message() override {
    lack({"the message itself", {}});
    return std::nullopt;
  }

  void script_wrote(std::string_view level, std::string_view place,
                    std::string_view text) override {
    if (log_ != nullptr && level != "debug" && level != "info") log_->add(level, place, text);
  }
  void script_lacked(std::string_view layer) override { scripts_.insert(std::string(layer)); }

  /// Forgets what was lacking; call it before each decision.
  void forget() {
    lacks_.clear();
    scripts_.clear();
  }

  /// The lack that kept an enforced layer from deciding; nullopt: none.
  std::optional<Lack> lack_of(const policy::Decision& decision) const {
    for (const policy::Step& step : decision.steps) {
      if (!step.enforced) continue;
      // What a host function would have told a script that asked otherwise than the recorded one:
      // a script that caught the error has decided something, but not what it would have.
      if (scripts_.contains(step.layer)) {
        return Lack{"the answer to a script", std::string(step.check)};
      }
      if (!step.verdict.refuses()) continue;
      for (const Lack& one : lacks_) {
        if (step.verdict.detail.find(LacksEvidence(one).what()) != std::string::npos) return one;
      }
    }
    return std::nullopt;
  }

 private:
  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds limit) override {
    if (live_ == nullptr) lack_answer(question);
    dns::Answer answer = co_await live_->lookup(question, limit);
    if (answer.trouble() && trouble_ == DnsTrouble::lacks) lack_answer(question);
    co_return answer;
  }

  std::chrono::milliseconds within() const {
    return live_ == nullptr ? std::chrono::milliseconds(0) : options_.question_within;
  }

  [[noreturn]] void lack_answer(const dns::Question& question) {
    lack({"DNS answers of type " + std::string(dns::to_string(question.type)), question.name});
  }

  [[noreturn]] void lack(Lack what) {
    lacks_.push_back(std::move(what));
    throw LacksEvidence(lacks_.back());
  }

  const policy::AuthenticationOptions& options_;
  dns::Resolver* live_;
  ScriptLog* log_;
  DnsTrouble trouble_;
  std::vector<Lack> lacks_;
  std::set<std::string, std::less<>> scripts_;  ///< layers whose scripts lacked an answer
};

}  // namespace postern::replay
