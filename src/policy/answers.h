#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/evidence.h"

namespace postern::policy {

/// The DNS answers a decision has at hand. A question that has none yet is noted, for the caller to
/// have it answered and to ask everything again: so what is asked stays a pure function of the
/// evidence, and a recorded decision is made again from its record.
class Answers {
 public:
  /// `records` outlives it.
  explicit Answers(const std::vector<DnsRecord>& records) : records_(records) {}

  /// Null when it is not there; then wanted() is the first such question.
  const dns::Answer* find(std::string_view name, dns::Type type);
  const std::optional<dns::Question>& wanted() const { return wanted_; }

 private:
  const std::vector<DnsRecord>& records_;
  std::optional<dns::Question> wanted_;
};

/// The same for what other programs were asked.
class Replies {
 public:
  /// `known` outlives it.
  explicit Replies(const std::vector<Consultation>& known) : known_(known) {}

  /// Null when it has not been asked; then wanted() is the first such question.
  const Consultation* find(std::string_view service, std::string_view request);
  const std::optional<Consultation>& wanted() const { return wanted_; }

 private:
  const std::vector<Consultation>& known_;
  std::optional<Consultation> wanted_;
};

// The questions that several dialects put to DNS. Each says `waiting` when an answer is missing.

/// What a client is called (RFC 1912 §2.1).
struct ClientName {
  enum class Status {
    waiting,
    verified,    ///< its name has its address
    unverified,  ///< it has a name, whose addresses are others or none
    none,        ///< no name
    trouble,     ///< DNS did not say
  };
  Status status = Status::waiting;
  std::string name;          ///< verified; empty otherwise
  std::string reverse_name;  ///< whatever PTR says; empty without
  bool reverse_trouble = false;
};
ClientName client_name(const IpAddress& client, Answers& answers);
/// "7.100.51.198.in-addr.arpa", or 32 nibbles below ip6.arpa (RFC 3596 §2.5).
std::string reverse_name(const IpAddress& address);

/// Whether mail to a domain has anywhere to go (RFC 5321 §5.1).
enum class MailDomain { waiting, exists, missing, null_mx, trouble };
MailDomain mail_domain(std::string_view domain, Answers& answers);

/// One list of addresses or domains in DNS (RFC 5782), and which of its answers count.
class DnsList {
 public:
  /// `zone`, or `zone=d.d.d.d` where each d is a number or `[a;b..c]`. Fault::malformed.
  static Result<DnsList> parse(std::string_view text);

  const std::string& zone() const { return zone_; }
  /// As written, filter included.
  const std::string& text() const { return text_; }

  enum class Status { waiting, listed, not_listed, trouble };
  struct Listing {
    Status status = Status::waiting;
    std::string reason;  ///< its TXT records, joined by " / "
  };
  /// With the reason: that is a second question, asked only of what is listed.
  Listing look_up(const IpAddress& address, Answers& answers) const;
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
  std::vector<std::vector<Range>> filter_;  ///< four, or none
};

}  // namespace postern::policy
