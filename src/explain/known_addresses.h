// What the gateway says of an address without a probe.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "config/config.h"
#include "mail/address.h"
#include "policy/evidence.h"

namespace postern::app {

/// Answers to questions of address verification that routes alone determine.
class KnownAddresses {
 public:
  /// `config` outlives this object.
  explicit KnownAddresses(const Config& config);

  /// As Consultation::answer; nullopt: a mail host would be asked, or it is another question.
  std::optional<std::string> answer(const policy::Consultation& question) const;
  /// Whether the domain is an address literal of this host, which stands for its name
  /// (RFC 5321 §4.1.3).
  bool is_own_literal(const mail::Mailbox& address) const;

 private:
  struct Routes;
  std::shared_ptr<const Routes> routes_;
};

}  // namespace postern::app
