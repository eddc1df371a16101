// What scripts keep of a session, and what they made of a message.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "base/error.h"
#include "mail/address.h"

namespace postern::policy {

/// What a dialect keeps of a session or a transaction between its stages.
struct ScriptTransaction {
  virtual ~ScriptTransaction() = default;
};

/// Lives as long as the connection.
struct ScriptSession {
  std::shared_ptr<const void> program;  ///< the script the session began with, and ends with
  boost::json::object meta;             ///< connection values that scripts set
  boost::json::object meta_at_connect;  ///< those that were set before the client said anything
  std::string greeted_as;               ///< the HELO name that a script let pass last
  std::vector<std::string> extensions;  ///< what EHLO is about to offer
  std::optional<std::vector<std::string>> offered;  ///< what a script wants EHLO to offer instead
  /// By the layer's name: what it keeps of the session.
  std::map<std::string, std::shared_ptr<ScriptTransaction>, std::less<>> kept;

  /// Who signed in is somebody else now: what scripts said about that before is over.
  void forget_identity() {
    meta.erase("authn_id");
    meta.erase("authz_id");
  }
};

/// How a script wants a recipient's mail delivered, instead of what its route says.
struct Transport {
  enum class Kind {
    deliver,  ///< by MX
    forward,  ///< to `target`
    maildir,
    mbox,
    none,  ///< not at all
  };
  Kind kind = Kind::deliver;
  std::string target;  ///< "192.0.2.1:25", "[2001:db8::1]:25", "mx.example"
  bool operator==(const Transport&) const = default;
};
/// "deliver", "forward:192.0.2.1:25", "none".
std::string to_string(const Transport& transport);
/// The same back; Fault::malformed.
Result<Transport> transport_of(std::string_view text);

/// The message as a script left it for some of its recipients.
struct ScriptCopy {
  std::vector<std::size_t> recipients;        ///< of Evidence::recipients
  boost::json::object meta;                   ///< the message's values
  std::optional<std::string> text;            ///< when it was changed: the whole message
  std::optional<mail::Mailbox> reverse_path;  ///< when it was changed
  std::vector<mail::Mailbox> forward_paths;   ///< when they were changed
  std::optional<std::string> header;  ///< when no more was changed: the new header section, with
                                      ///< its blank line
  /// Authentication-Results that the script added under these names; received ones under them are
  /// not in the header any more.
  std::vector<std::string> results_of;
  /// Authentication-Results are the script's to write or to leave out: none are added for it.
  bool results_by_rules = false;
  bool null_path = false;  ///< the reverse-path was changed to the null one
  bool to_nobody = false;  ///< no recipient is left: taken, and delivered to nobody
  /// By address in lower case.
  std::map<std::string, Transport> transports;
  bool operator==(const ScriptCopy&) const = default;

  /// Neither envelope nor message was changed.
  bool is_as_it_came() const {
    return !text && !header && !reverse_path && !null_path && !to_nobody && forward_paths.empty() &&
           transports.empty();
  }
};

}  // namespace postern::policy
