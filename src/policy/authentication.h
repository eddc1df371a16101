// Who vouches for a message: SPF, DKIM, DMARC and ARC, each found out at most once, with every DNS
// answer kept. The evaluations are mailauth's; here they meet a resolver, a clock and a budget.
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
#include "mailauth/evaluation.h"
#include "policy/domain_set.h"
#include "policy/evidence.h"
#include "policy/layer.h"

namespace postern::policy {

/// Settings of all messages.
struct AuthenticationOptions {
  std::string receiver;  ///< our host name: %{r} of SPF, the authserv-id of our results
  /// DNS questions of one message; further ones count as failed.
  std::size_t queries = 100;
  /// How long a verdict may take that a rule needs: SPF has this (RFC 7208 §4.6.4 says at least
  /// 20 s), each of the others half of it.
  std::chrono::milliseconds decide_within{20000};
  /// The same for verdicts that are only reported, all in all.
  std::chrono::milliseconds report_within{5000};
  std::chrono::milliseconds question_within{5000};
  std::size_t signatures = 10;  ///< DKIM signatures evaluated at most
  std::int64_t skew_seconds = 300;
  mailauth::dmarc::Mode dmarc = mailauth::dmarc::Mode::public_suffix;
  mailauth::HeaderLimits header;  ///< of a longer one no author is known and no signature counts
};

/// What messages share: parsed keys and records. Safe from any thread; outlives the messages.
struct AuthenticationCaches {
  mailauth::dkim::KeyCache keys;
  mailauth::spf::RecordCache records;
};

/// An answer as evaluations take it.
mailauth::Answer to_mailauth(const dns::Answer& answer);

/// Answers an evaluation's questions within a number of them and a time. What was answered before
/// is not asked again.
class DnsDesk {
 public:
  /// `records`: where answers are kept, and known ones taken from. Both outlive the desk.
  DnsDesk(dns::Resolver& resolver, std::vector<DnsRecord>& records, std::size_t queries,
          std::chrono::milliseconds question_within)
      : resolver_(resolver),
        records_(records),
        queries_(queries),
        question_within_(question_within) {}

  /// From now on questions fail at that time.
  void set_deadline(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }

  Task<mailauth::Answer> ask(mailauth::Question question);
  /// Questions left.
  std::size_t left() const { return queries_; }

  /// Drives an evaluation to its result. The evaluation must outlive the task.
  template <class T>
  Task<T> run(mailauth::Evaluation<T>& evaluation) {
    while (const mailauth::Question* question = evaluation.next()) {
      mailauth::Answer answer = co_await ask(*question);
      evaluation.feed(std::move(answer));
    }
    co_return evaluation.result();
  }

 private:
  dns::Resolver& resolver_;
  std::vector<DnsRecord>& records_;
  std::size_t queries_;
  std::chrono::milliseconds question_within_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
};

/// What is found out for the log and the payload beyond what rules asked for. Of refused mail SPF
/// is not: a domain that its policy does not list is refused without a look at its record.
Need reported_needs(bool refused, const Evidence& evidence);

/// One message's authentication. Not thread-safe; lives as long as its message.
class MessageAuthentication {
 public:
  /// All are borrowed.
  MessageAuthentication(const AuthenticationOptions& options, AuthenticationCaches& caches,
                        dns::Resolver& resolver);
  ~MessageAuthentication();

  /// The message begins. `preferred`: domains whose signatures are evaluated first.
  void begin(const DomainSet* preferred);
  /// The next octets of the message, CRLF at line ends, dots unstuffed.
  void feed(std::string_view chunk);
  /// Octets of memory that the message's header has cost so far, kept once for all who read it.
  std::size_t memory() const;

  /// Fills in those of `needs` that are SPF, DKIM, DMARC or ARC and are missing. DKIM and ARC of a
  /// message that was not fed have no signatures.
  Task<void> gather(Need needs, Evidence& evidence);
  /// One question more, within the message's budget; the answer is in evidence.dns.
  Task<void> ask(dns::Question question, Evidence& evidence);
  /// The same for the log and the payload alone: within report_within in all.
  Task<void> report(Need needs, Evidence& evidence);

 private:
  using Clock = std::chrono::steady_clock;
  struct Message;

  Task<void> find_dkim(Evidence& evidence, DnsDesk& desk);
  Task<void> find_arc(Evidence& evidence, DnsDesk& desk);
  /// Without a deadline each verdict has the time that a decision may take.
  Task<void> find(Need needs, Evidence& evidence, std::optional<Clock::time_point> deadline);

  const AuthenticationOptions& options_;
  AuthenticationCaches& caches_;
  dns::Resolver& resolver_;
  std::unique_ptr<Message> message_;
  std::size_t questions_left_;
};

/// The verdicts that need no message: SPF from the envelope, DMARC from the evidence on SPF, DKIM
/// and the author. Also how a recorded decision is made again from its DNS answers.
Task<void> find_spf(Evidence& evidence, DnsDesk& desk, const AuthenticationOptions& options,
                    mailauth::spf::RecordCache* cache);
Task<void> find_dmarc(Evidence& evidence, DnsDesk& desk, const AuthenticationOptions& options);

}  // namespace postern::policy
