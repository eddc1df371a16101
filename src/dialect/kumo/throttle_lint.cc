#include "dialect/kumo/throttle_lint.h"

#include <map>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/kumo/throttles.h"

namespace postern::dialect::kumo {

namespace {

using Word = LuaWords::Word;

std::string seconds_text(std::chrono::duration<double> span) {
  return fmt::format("{:.4g} s", span.count());
}

}  // namespace

std::vector<LongWait> long_waits(std::string_view text, std::chrono::milliseconds time) {
  std::vector<Word> words;
  LuaWords reader(text);
  for (Word word = reader.next(); !word.text.empty(); word = reader.next()) words.push_back(word);
  const auto at = [&](std::size_t i) {
    return i < words.size() ? words[i].text : std::string_view();
  };

  std::vector<LongWait> found;
  const auto judge = [&](const Word& word, std::string_view rate) {
    const auto spec = parse_throttle(rate);
    if (!spec) return;
    const auto interval =
        std::chrono::duration<double>(spec->period) / static_cast<double>(spec->limit);
    if (interval <= time) return;
    found.push_back(
        {word, fmt::format("sleep_if_throttled: at {} one operation is free every {}, and a hook "
                           "may take {} (lua.time): then the client gets 451 without a reason; "
                           "use `throttle()` and refuse with a text of your own",
                           rate, seconds_text(interval), seconds_text(time))});
  };

  std::map<std::string_view, std::string_view> rates;  // by variable
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (at(i) == "sleep_if_throttled" && i >= 2 && at(i - 1) == ":") {
      const auto known = rates.find(at(i - 2));
      if (known != rates.end()) judge(words[i], known->second);
    }
    if (at(i) != "make_throttle" || at(i + 1) != "(") continue;
    std::size_t end = i + 1;
    for (int depth = 0; end < words.size(); ++end) {
      depth += at(end) == "(" ? 1 : 0;
      depth -= at(end) == ")" ? 1 : 0;
      if (depth == 0) break;
    }
    const auto rate = at(end - 2) == "," ? plain_literal(at(end - 1)) : std::nullopt;
    if (i >= 4 && at(i - 1) == "." && at(i - 3) == "=") {
      rates.erase(at(i - 4));
      if (rate) rates[at(i - 4)] = *rate;
    }
    if (rate && at(end + 1) == ":" && at(end + 2) == "sleep_if_throttled") {
      judge(words[end + 2], *rate);
    }
  }
  return found;
}

}  // namespace postern::dialect::kumo
