// What scripts keep of a session, and what they made of a message.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "mail/address.h"

namespace postern::policy {

/// Lives as long as the connection.
struct ScriptSession {
  std::shared_ptr<const void> program;  ///< the script the session began with, and ends with
  boost::json::object meta;             ///< connection values that scripts set
  boost::json::object meta_at_connect;  ///< those that were set before the client said anything
  std::vector<std::string> extensions;  ///< what EHLO is about to offer
  std::optional<std::vector<std::string>> offered;  ///< what a script wants EHLO to offer instead
};

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
  bool operator==(const ScriptCopy&) const = default;
};

}  // namespace postern::policy
