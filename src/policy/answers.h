#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/evidence.h"

namespace postern::policy {

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
  explicit Answers(const Evidence& evidence) : Answers(evidence.dns, evidence.in_shadow) {}

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
  explicit Replies(const Evidence& evidence) : Replies(evidence.consulted, evidence.in_shadow) {}

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

/// A DNS list of addresses or domains (RFC 5782 §2, §3), and the filter for its answers. Immutable.
class DnsList {
 public:
  /// `zone`, or `zone=d.d.d.d`, where each d is a number or `[a;b..c]`. Fault::malformed otherwise.
  static Result<DnsList> parse(std::string_view text);

  /// Lower case, without a final dot.
  const std::string& zone() const { return zone_; }
  /// As written, with the filter.
  const std::string& text() const { return text_; }

  /// `not_listed` also if no answer matches the filter; `trouble`: the lookup failed.
  enum class Status { waiting, listed, not_listed, trouble };
  /// Result of a lookup.
  struct Listing {
    Status status = Status::waiting;  ///< Status::waiting while an answer is missing
    std::string reason;               ///< the TXT records, joined by " / "; set if listed
  };
  /// Asks for A records, and for the TXT records if listed (RFC 5782 §2.1, for IPv6 §2.4).
  Listing look_up(const IpAddress& address, Answers& answers) const;
  /// The same for a domain name (RFC 5782 §3).
  Listing look_up(std::string_view domain, Answers& answers) const;

 private:
  struct Range {
    std::uint8_t first;
    std::uint8_t last;
  };
  bool counts(const dns::Answer& answer) const;
  Listing ask(const std::string& name, Answers& answers) const;

  std::string text_;
  std::string zone_;
  std::vector<std::vector<Range>> filter_;  ///< four elements, or none
};

}  // namespace postern::policy
