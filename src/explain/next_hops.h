// Where the routes of a configuration take accepted mail, as far as that is certain without DNS.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "config/config.h"
#include "mail/address.h"
#include "smtp/reply.h"

namespace postern::app {

/// The [[route]] sections of a configuration, and the tables on the disk that they name. Not
/// thread-safe.
class NextHops {
 public:
  /// Opens the tables; blocks meanwhile. Sends nothing, now and later. `config` may be destroyed.
  explicit NextHops(const Config& config);
  ~NextHops();
  NextHops(NextHops&&) noexcept;

  /// What tells mail apart: addresses and domains, lower-case, also of the rows of tables. Names
  /// below a domain are told from it.
  struct Keys {
    std::set<std::string> recipients;
    std::set<std::string> senders;
    bool by_sender = false;  ///< some route is not for all senders, but may be for the null sender
  };
  /// Of all routes.
  Keys keys() const;

  /// Where mail goes: "mx", "[mail.example.com]; fallback [mx.example.net]", in the form of
  /// relay::to_texts(). Addresses are completed as the gateway completes them. Nullopt: another
  /// program's table would have to be asked. `sender`: nullopt is the null sender.
  std::optional<std::string> of(const mail::Mailbox& recipient,
                                const std::optional<mail::Mailbox>& sender) const;
  /// Where all mail goes that keys() do not tell from this. A table whose rows cannot be listed is
  /// part of the text: equal texts mean equal next hops if tables of the same name are the same.
  std::string of_all_like(const mail::Mailbox& recipient,
                          const std::optional<mail::Mailbox>& sender) const;
  /// The first table in of_all_like() whose rows cannot be listed; empty: there is none.
  std::string unlisted_table(const mail::Mailbox& recipient,
                             const std::optional<mail::Mailbox>& sender) const;

  /// Why the recipient is refused at RCPT whatever the policy says: relay::refusal_of().
  std::optional<smtp::Reply> refusal(const mail::Mailbox& recipient) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::app
