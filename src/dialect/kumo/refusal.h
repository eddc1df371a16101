// kumo.reject and kumo.disconnect: a refusal is an error of the script that carries the reply.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "script/bind.h"
#include "smtp/reply.h"

namespace postern::dialect::kumo {

/// A refusal that a script has thrown.
class Refusal final : public script::Thrown {
 public:
  /// `place`: the line of the script that refuses, "policy.lua:7".
  Refusal(smtp::Reply reply, std::string place)
      : script::Thrown(reply.to_string()), reply_(std::move(reply)), place_(std::move(place)) {}
  const smtp::Reply& reply() const { return reply_; }  ///< to send
  /// For a trace: "refused at policy.lua:7".
  std::string words() const {
    return place_.empty() ? "the script refuses" : "refused at " + place_;
  }
  boost::json::value data() const override;

 private:
  smtp::Reply reply_;
  std::string place_;
};

/// Rebuilds an error of this dialect, a Refusal or NotFound, from its recorded Thrown::data().
std::shared_ptr<const script::Thrown> rethrown(const boost::json::value& data);

/// The reply to a refusal with a code from 400 to 599. `text` may begin with an enhanced status
/// code (RFC 3463 §2), which applies to all lines. Control characters become blanks, and each line
/// of `text` a line of the reply; an empty text becomes the default one. Throws a sentence for
/// another code.
smtp::Reply reply_of(std::int64_t code, std::string_view text);
/// The same for any code; an empty text stays empty.
smtp::Reply worded(std::uint16_t code, std::string_view text);

/// kumo.reject() and kumo.disconnect().
script::HostTable refusal_functions();

}  // namespace postern::dialect::kumo
