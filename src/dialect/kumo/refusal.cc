#include "dialect/kumo/refusal.h"

#include <algorithm>

#include "base/text.h"
#include "dialect/kumo/lib_secrets.h"
#include "dialect/kumo/literal_lint.h"
#include "script/state.h"

namespace postern::dialect::kumo {

namespace {

using script::Call;
using script::demand;

/// The longest text of a reply, in octets.
constexpr std::size_t longest_text = 8192;

[[noreturn]] void refuse(const Call& call, smtp::Reply reply) {
  if (std::string masked = call.redacted(reply.text); masked != reply.text)
    reply.masked = std::move(masked);
  throw script::Throw{std::make_shared<Refusal>(std::move(reply), call.state().place())};
}

void reject(Call& call, std::int64_t code, std::string text) { refuse(call, reply_of(code, text)); }

void disconnect(Call& call, std::int64_t code, std::string text, std::optional<std::string> mode) {
  smtp::Reply reply = reply_of(code, text);
  const std::string how = mode.value_or("ForceDisconnect");
  if (how == "FollowWith421") {
    reply.after = smtp::After::close_with_421;
  } else if (how == "ForceDisconnect") {
    reply.after = smtp::After::close;
  } else {
    demand(how == "If421", "mode must be 'ForceDisconnect', 'FollowWith421' or 'If421'");
  }
  refuse(call, std::move(reply));
}

const script::HostFunction refusal_rows[] = {
    {"kumo.reject", "code: integer, text: string", "",
     "Refuses the current command with this reply: a code from 400 to 599, and a text that may "
     "begin with an enhanced status code. 421 closes the connection.",
     script::bind<&reject>},
    {"kumo.disconnect",
     "code: integer, text: string, mode?: 'ForceDisconnect'|'FollowWith421'|'If421'", "",
     "Refuses like `kumo.reject` and closes the connection.", script::bind<&disconnect>},
};

}  // namespace

json::value Refusal::data() const {
  const std::string enhanced = reply_.enhanced.present() ? reply_.enhanced.to_string() + " " : "";
  return {{"code", reply_.code},
          {"text", enhanced + reply_.text},
          {"after", static_cast<int>(reply_.after)},
          {"place", place_}};
}

std::shared_ptr<const script::Thrown> rethrown(const json::value& data) {
  const json::object& kept = data.as_object();
  if (const json::value* text = kept.if_contains("not_found")) {
    return std::make_shared<NotFound>(std::string(text->as_string()));
  }
  smtp::Reply reply = worded(kept.at("code").to_number<std::uint16_t>(),
                             std::string_view(kept.at("text").as_string()));
  reply.after = static_cast<smtp::After>(kept.at("after").to_number<int>());
  return std::make_shared<Refusal>(std::move(reply), std::string(kept.at("place").as_string()));
}

smtp::Reply worded(std::uint16_t code, std::string_view text) {
  smtp::Reply reply{.code = code, .enhanced = {}, .text = {}};
  for (const std::string_view line : split(text.substr(0, longest_text), '\n')) {
    std::string clean(line);
    std::replace_if(
        clean.begin(), clean.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    std::string_view words = trim(clean);
    // RFC 2034 §4: all lines have the same code, which is added when the reply is sent.
    if (const auto enhanced = smtp::take_enhanced(words)) {
      // RFC 3463 §2: the class must be that of the reply code.
      const bool fits = enhanced->klass == code / 100;
      if (fits && !reply.enhanced.present()) reply.enhanced = *enhanced;
    }
    if (words.empty()) continue;
    if (!reply.text.empty()) reply.text += '\n';
    reply.text += words;
  }
  return reply;
}

std::string refused_code(std::int64_t code) {
  if (code >= 400 && code < 600) return {};
  return "a refusal needs a code from 400 to 599, not " + std::to_string(code);
}

smtp::Reply reply_of(std::int64_t code, std::string_view text) {
  const std::string refused = refused_code(code);
  demand(refused.empty(), refused);
  smtp::Reply reply = worded(static_cast<std::uint16_t>(code), text);
  if (reply.text.empty()) {
    if (reply.enhanced.klass == 0) reply.enhanced = {static_cast<std::uint8_t>(code / 100), 7, 1};
    reply.text = code < 500 ? "try again later" : "refused by policy";
  }
  return reply;
}

script::HostTable refusal_functions() { return refusal_rows; }

}  // namespace postern::dialect::kumo
