// SPF, DKIM, DMARC and ARC of a message. Each is evaluated at most once, and every DNS answer is
// kept. mailauth has the evaluations; this file gives them a resolver, a clock and a query budget.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "dns/resolver.h"
#include "mailauth/dkim/key_record.h"
#include "mailauth/dmarc/evaluate.h"
#include "mailauth/evaluation.h"
#include "mailauth/header.h"
#include "mailauth/spf/record.h"
#include "policy/domain_set.h"
#include "policy/evidence.h"
#include "policy/layer.h"

namespace postern::policy {

/// Settings that hold for all messages.
struct AuthenticationOptions {
  std::string
      receiver;  ///< our host name: %{r} of SPF (RFC 7208 §7.2) and the authserv-id of our results
  /// DNS queries per message; further ones fail. Layers in shadow have as many of their own.
  std::size_t queries = 100;
  /// Time limit of a verdict that a rule needs: the whole for SPF (RFC 7208 §4.6.4 recommends at
  /// least 20 s), half of it for each other method.
  std::chrono::milliseconds decide_within{20000};
  /// Time limit of all verdicts together that are only reported.
  std::chrono::milliseconds report_within{5000};
  std::chrono::milliseconds question_within{5000};  ///< time limit of one DNS query
  std::size_t signatures = 10;  ///< DKIM signatures evaluated per message at most
  /// Seconds since 1970 by which t=, x= and the macro %{t} of SPF are judged; nullopt: the clock.
  std::optional<std::int64_t> now;
  std::int64_t skew_seconds = 300;  ///< clock skew allowed for t= and x= of DKIM signatures
  mailauth::dmarc::Mode dmarc =
      mailauth::dmarc::Mode::public_suffix;  ///< how the organizational domain is found
  mailauth::HeaderLimits
      header;  ///< of a longer header no author is known, and no signature counts
};

/// Parsed keys and records, shared by all messages. Thread-safe; must outlive the messages.
struct AuthenticationCaches {
  mailauth::dkim::KeyCache keys;       ///< DKIM and ARC public keys
  mailauth::spf::RecordCache records;  ///< SPF records
};

/// Converts a resolver's answer for mailauth.
mailauth::Answer to_mailauth(const dns::Answer& answer);

/// What DMARC is evaluated from: SPF, if it is known, and the signatures of the evidence, which
/// are.
mailauth::dmarc::Request dmarc_request(const Evidence& evidence);

/// Answers the questions of evaluations, within a number of queries and a time. A question that was
/// answered before is not asked again. An answer that a layer in shadow got counts for an enforced
/// one as if it was asked again, and a failure is asked again. Not thread-safe.
class DnsDesk {
 public:
  /// `records`: the known answers; new ones are appended. `resolver` and `records` must outlive
  /// this object.
  DnsDesk(dns::Resolver& resolver, std::vector<DnsRecord>& records, std::size_t queries,
          std::chrono::milliseconds question_within)
      : DnsDesk(resolver, records, queries, question_within, false) {}
  /// For the layer that is being asked; the records are those of `evidence`.
  DnsDesk(dns::Resolver& resolver, Evidence& evidence, std::size_t queries,
          std::chrono::milliseconds question_within)
      : DnsDesk(resolver, evidence.dns, queries, question_within, evidence.in_shadow) {}

  /// Queries fail from `deadline` on.
  void set_deadline(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }

  /// The recorded answer, else that of the resolver; a failed one without queries or time left.
  Task<mailauth::Answer> ask(mailauth::Question question);
  /// Queries left.
  std::size_t left() const { return queries_; }

  /// Runs an evaluation to its result. `evaluation` must outlive the task.
  template <class T>
  Task<T> run(mailauth::Evaluation<T>& evaluation) {
    while (const mailauth::Question* question = evaluation.next()) {
      mailauth::Answer answer = co_await ask(*question);
      evaluation.feed(std::move(answer));
    }
    co_return evaluation.result();
  }

 private:
  DnsDesk(dns::Resolver& resolver, std::vector<DnsRecord>& records, std::size_t queries,
          std::chrono::milliseconds question_within, bool in_shadow)
      : resolver_(resolver),
        records_(records),
        queries_(queries),
        question_within_(question_within),
        in_shadow_(in_shadow) {}
  /// The answer that was recorded; null: none. `in_shadow`: for layers in shadow, if it did not
  /// fail.
  DnsRecord* find(const dns::Question& question, bool in_shadow);

  dns::Resolver& resolver_;
  std::vector<DnsRecord>& records_;
  std::size_t queries_;
  std::chrono::milliseconds question_within_;
  bool in_shadow_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
};

/// The verdicts that log and payload need beyond those that rules asked for. SPF is left out for a
/// refused message: a domain that the policy does not list is refused without a lookup of its
/// record.
Need reported_needs(bool refused, const Evidence& evidence);

/// Authentication of one message at a time. Not thread-safe.
class MessageAuthentication {
 public:
  /// Takes the time that a verdict took, DNS included: "spf", "dkim", "dmarc" or "arc", static.
  /// Must not throw.
  using Timed = void (*)(std::string_view verdict, std::chrono::nanoseconds took);

  /// The references are borrowed and must outlive this object. `timed`: called for each verdict;
  /// null: none is timed.
  MessageAuthentication(const AuthenticationOptions& options, AuthenticationCaches& caches,
                        dns::Resolver& resolver, Timed timed = nullptr);
  ~MessageAuthentication();

  /// Starts a message. `preferred`: domains whose signatures are evaluated first; null: none.
  /// Borrowed until the message ends.
  void begin(const DomainSet* preferred);
  /// The next octets of the message: lines end in CRLF, dot-stuffing (RFC 5321 §4.5.2) is removed.
  void feed(std::string_view chunk);
  /// Octets of memory that the message's header takes; all evaluations share one copy.
  std::size_t memory() const;

  /// Fills in the missing items of `needs` among SPF, DKIM, DMARC and ARC. If the message was not
  /// fed, DKIM and ARC find no signatures.
  Task<void> gather(Need needs, Evidence& evidence);
  /// Asks one more question within the budget of enforced or of shadow layers; the answer is in
  /// evidence.dns.
  Task<void> ask(dns::Question question, Evidence& evidence);
  /// As gather(), for log and payload only: all verdicts together within report_within.
  Task<void> report(Need needs, Evidence& evidence);

 private:
  using Clock = std::chrono::steady_clock;
  struct Message;

  /// The budget of those for whom evidence is gathered.
  std::size_t& left(const Evidence& evidence) {
    return evidence.in_shadow ? shadow_questions_left_ : questions_left_;
  }
  Task<void> find_dkim(Evidence& evidence, DnsDesk& desk);
  Task<void> find_arc(Evidence& evidence, DnsDesk& desk);
  /// Without a deadline each verdict has the time limit of a decision.
  Task<void> find(Need needs, Evidence& evidence, std::optional<Clock::time_point> deadline);

  const AuthenticationOptions& options_;
  AuthenticationCaches& caches_;
  dns::Resolver& resolver_;
  const Timed timed_;
  std::unique_ptr<Message> message_;
  std::size_t questions_left_;
  std::size_t shadow_questions_left_;
};

/// Evaluates SPF from the envelope. Needs no message, so it also replays a recorded decision from
/// its DNS answers. `cache`: parsed records; may be null.
Task<void> find_spf(Evidence& evidence, DnsDesk& desk, const AuthenticationOptions& options,
                    mailauth::spf::RecordCache* cache);
/// Evaluates DMARC from the evidence's SPF, DKIM and author. Needs no message either.
Task<void> find_dmarc(Evidence& evidence, DnsDesk& desk, const AuthenticationOptions& options);

}  // namespace postern::policy
