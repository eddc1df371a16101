// kumo.reject and kumo.disconnect: a refusal is an error of the script that says which reply it is.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "script/bind.h"
#include "smtp/reply.h"

namespace postern::dialect::kumo {

class Refusal final : public script::Thrown {
 public:
  /// `place`: the line of the script that refuses, "policy.lua:7".
  Refusal(smtp::Reply reply, std::string place)
      : script::Thrown(reply.to_string()), reply_(std::move(reply)), place_(std::move(place)) {}
  const smtp::Reply& reply() const { return reply_; }
  /// For a trace: which line it was.
  std::string words() const {
    return place_.empty() ? "the script refuses" : "refused at " + place_;
  }
  boost::json::value data() const override;

 private:
  smtp::Reply reply_;
  std::string place_;
};

/// An error of the dialect's own as a record has it (Thrown::data()) again.
std::shared_ptr<const script::Thrown> rethrown(const boost::json::value& data);

/// "5.7.1 no" with a code: enhanced code and text apart; an empty text becomes the code's usual
/// one, control characters blanks, and each line of it one of the reply. The first line with an
/// enhanced code decides it for all. Throws a sentence for a code that refuses nothing.
smtp::Reply reply_of(std::int64_t code, std::string_view text);
/// The same of any code; an empty text stays empty.
smtp::Reply worded(std::uint16_t code, std::string_view text);

script::HostTable refusal_functions();

}  // namespace postern::dialect::kumo
