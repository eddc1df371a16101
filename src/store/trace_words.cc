#include "store/trace_words.h"

#include <algorithm>

#include "base/text.h"
#include "base/time_text.h"

namespace postern::store {
namespace {

constexpr std::string_view known = "from: to: ip: rule: reply: after: before:";

/// The next word or quoted value, removed from the front of `text`.
struct Piece {
  std::string key;  ///< "from", or ""
  std::string value;
};

std::string take_value(std::string_view& text) {
  std::string value;
  bool quoted = false;
  while (!text.empty() && (quoted || text.front() != ' ')) {
    if (text.front() == '"') {
      quoted = !quoted;
    } else {
      value.push_back(text.front());
    }
    text.remove_prefix(1);
  }
  return value;
}

/// A key is two or more letters before a colon, so an IPv6 address or a time is no key.
Piece take_piece(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && is_alpha(text[n])) ++n;
  Piece piece;
  if (n > 1 && n < text.size() && text[n] == ':') {
    piece.key = lower(text.substr(0, n));
    text.remove_prefix(n + 1);
  }
  piece.value = take_value(text);
  return piece;
}

std::optional<Time> time_of(const std::string& text) {
  if (text.size() == 10) return from_rfc3339(text + "T00:00:00Z");
  return from_rfc3339(text);
}

Result<void> take(TraceWords& words, const Piece& piece) {
  const auto unreadable = [&](std::string_view what) {
    return fail(Fault::malformed,
                piece.key + ": " + printable(piece.value, 80) + " is not a " + std::string(what));
  };
  if (piece.value.empty()) return fail(Fault::malformed, piece.key + ": has no value after it");
  if (piece.key.empty()) {
    words.any.push_back(lower(piece.value));
  } else if (piece.key == "from") {
    words.from.push_back(lower(piece.value));
  } else if (piece.key == "to") {
    words.to.push_back(lower(piece.value));
  } else if (piece.key == "rule") {
    words.rule.push_back(lower(piece.value));
  } else if (piece.key == "reply") {
    words.reply.push_back(piece.value);
  } else if (piece.key == "ip") {
    const Result<Cidr> network = Cidr::parse(piece.value);
    if (!network) return fail(Fault::malformed, "ip: " + network.error().message);
    words.ip.push_back(*network);
  } else if (piece.key == "after" || piece.key == "before") {
    const std::optional<Time> time = time_of(piece.value);
    if (!time) return unreadable("date (2026-11-20) or time (2026-11-20T14:00:00Z)");
    (piece.key == "after" ? words.after : words.before) = time;
  } else {
    return fail(Fault::malformed,
                "unknown word `" + piece.key + ":`; known are " + std::string(known));
  }
  return {};
}

/// Whether `text` contains `part`, which is in lower case. Ignores the case of ASCII letters only.
bool holds(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return to_lower(a) == b; }) != text.end();
}

bool ends_with(std::string_view text, std::string_view part) {
  return text.size() >= part.size() && iequals(text.substr(text.size() - part.size()), part);
}

bool address_has(std::string_view address, std::string_view wanted) {
  if (wanted == "<>") return address.empty();
  return wanted.starts_with('@') ? ends_with(address, wanted) : holds(address, wanted);
}

bool reply_is(const TraceView& trace, std::string_view wanted) {
  if (wanted == trace.enhanced) return true;
  const std::string code = trace.code == 0 ? std::string() : std::to_string(trace.code);
  if (!wanted.starts_with(code)) return false;
  wanted.remove_prefix(code.size());
  return wanted.empty() || (wanted.starts_with(' ') && wanted.substr(1) == trace.enhanced);
}

template <class List, class Holds>
bool all(const List& list, Holds holds) {
  return std::all_of(list.begin(), list.end(), holds);
}

}  // namespace

bool TraceWords::empty() const {
  return from.empty() && to.empty() && ip.empty() && rule.empty() && reply.empty() && any.empty() &&
         !after && !before;
}

Result<TraceWords> parse_trace_words(std::string_view text) {
  TraceWords words;
  if (text.size() > 500) return fail(Fault::malformed, "a search has at most 500 octets");
  for (text = trim(text); !text.empty(); text = trim(text)) {
    const Piece piece = take_piece(text);
    if (piece.key.empty() && piece.value.empty()) continue;
    if (auto taken = take(words, piece); !taken) return tl::unexpected(taken.error());
  }
  return words;
}

bool matches(const TraceWords& words, const TraceView& trace) {
  if (words.after && trace.time < *words.after) return false;
  if (words.before && trace.time >= *words.before) return false;
  const auto from = [&](const auto& one) { return address_has(trace.mail_from, one); };
  const auto to = [&](const auto& one) { return address_has(trace.rcpt, one); };
  if (!all(words.from, from) || !all(words.to, to)) return false;
  if (!all(words.reply, [&](const auto& one) { return reply_is(trace, one); })) return false;
  if (!all(words.rule, [&](const auto& one) {
        return istarts_with(trace.rule, one) || holds(trace.origin, one);
      })) {
    return false;
  }
  if (!words.ip.empty()) {
    const std::optional<IpAddress> client = IpAddress::from_text(trace.client_ip);
    if (!client || !all(words.ip, [&](const Cidr& one) { return one.contains(*client); }))
      return false;
  }
  return all(words.any, [&](const auto& one) {
    return holds(trace.mail_from, one) || holds(trace.rcpt, one) || iequals(trace.id, one) ||
           trace.client_ip == one;
  });
}

bool matches(const TraceWords& words, const TraceRow& row) {
  return matches(words, TraceView{.id = row.id,
                                  .time = row.time,
                                  .client_ip = row.client_ip,
                                  .mail_from = row.mail_from,
                                  .rcpt = row.rcpt,
                                  .code = row.code,
                                  .enhanced = row.enhanced,
                                  .rule = row.rule,
                                  .origin = row.origin});
}

}  // namespace postern::store
