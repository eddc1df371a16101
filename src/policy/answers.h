#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/consultations.h"
#include "policy/dns_record.h"

namespace postern::policy {

struct Evidence;

/// The DNS answers that a decision has so far. A missing answer is noted in wanted(): the caller
/// fetches it and decides again. So a decision stays a pure function of the evidence and can be
/// replayed from its record. Not thread-safe.
class Answers {
 public:
  /// `records` is borrowed and must outlive this object. Without `in_shadow` answers for layers in
  /// shadow are not seen.
  explicit Answers(const std::vector<DnsRecord>& records, bool in_shadow = false)
      : records_(records), in_shadow_(in_shadow) {}
  /// The answers that the layer which is being asked may see. Borrows `evidence`.
  explicit Answers(const Evidence& evidence);

  /// Compares names case-insensitively. Null if there is no answer yet; wanted() is then the first
  /// such question.
  const dns::Answer* find(std::string_view name, dns::Type type);
  /// The first question without an answer; nullopt: none.
  const std::optional<dns::Question>& wanted() const { return wanted_; }
  /// How many answers are seen.
  std::size_t count() const;

 private:
  bool sees(const DnsRecord& one) const { return in_shadow_ || !one.in_shadow; }

  const std::vector<DnsRecord>& records_;
  const bool in_shadow_;
  std::optional<dns::Question> wanted_;
};

/// The same for the replies of other programs.
class Replies {
 public:
  /// As of Answers.
  explicit Replies(const Consultations& known, bool in_shadow = false)
      : known_(known), in_shadow_(in_shadow) {}
  /// As of Answers.
  explicit Replies(const Evidence& evidence);

  /// Null if the service has not been asked this; wanted() is then the first such request.
  const Consultation* find(std::string_view service, std::string_view request);
  /// The first request without a reply; nullopt: none.
  const std::optional<Consultation>& wanted() const { return wanted_; }
  /// Keeps why a lookup failed, where the caller gets no text.
  void note_failure(std::string why) { failure_ = std::move(why); }
  /// The last failure noted: the table, the server and the cause, without secrets; empty: none.
  const std::string& failure() const { return failure_; }

 private:
  const Consultations& known_;
  const bool in_shadow_;
  std::optional<Consultation> wanted_;
  std::string failure_;
};

// DNS lookups that several dialects share. Each returns `waiting` while an answer is missing.

/// The client's host name, by a reverse and a forward lookup (RFC 1912 §2.1).
struct ClientName {
  enum class Status {
    waiting,
    verified,    ///< a name of its PTR records has its address
    unverified,  ///< it has a name, but no name has its address
    none,        ///< no PTR record, or none that is a host name
    trouble,     ///< a lookup failed (SERVFAIL, timeout)
  };
  Status status = Status::waiting;  ///< of the lookup
  std::string name;                 ///< if verified, else empty
  std::string reverse_name;         ///< the verified name, else the first one; empty: none
};
/// Looks at the first 10 PTR records at most.
ClientName client_name(const IpAddress& client, Answers& answers);
/// The owner name of the PTR record: "7.100.51.198.in-addr.arpa", or 32 nibbles below ip6.arpa
/// (RFC 3596 §2.5).
std::string reverse_name(const IpAddress& address);

/// Whether a domain can receive mail (RFC 5321 §5.1): it has MX or address records. `missing`:
/// neither; `null_mx`: RFC 7505 §3; `trouble`: a lookup failed and no other one found a record.
enum class MailDomain { waiting, exists, missing, null_mx, trouble };
/// Asks for MX, then for A and AAAA.
MailDomain mail_domain(std::string_view domain, Answers& answers);

}  // namespace postern::policy
