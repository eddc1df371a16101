#include "dialect/kumo/json_encode.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include <boost/json.hpp>

#include <fmt/format.h>

#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {

namespace {

class JsonWriter {
 public:
  explicit JsonWriter(Layout layout) : pretty_(layout == Layout::pretty) {}

  void write(const json::value& value) {
    // The text may be much longer than the value: one octet may become six, and a value that occurs
    // several times in a table is written each time.
    if (text.size() > largest_text) throw std::runtime_error("the result is longer than 16 MiB");
    switch (value.kind()) {
      case json::kind::double_:
        return write(value.get_double());
      case json::kind::array:
        return write(value.get_array());
      case json::kind::object:
        return write(value.get_object());
      default:
        text += json::serialize(value);
    }
  }

  std::string text;

 private:
  void write(double number) {
    if (!std::isfinite(number)) {
      text += "null";
      return;
    }
    std::string digits = fmt::format("{}", number);
    // A double must not be read back as an integer.
    if (digits.find_first_of(".e") == std::string::npos) digits += ".0";
    text += digits;
  }

  void write(const json::array& array) {
    text += '[';
    ++depth_;
    for (std::size_t i = 0; i < array.size(); ++i) {
      separate(i == 0);
      write(array[i]);
    }
    close(']', array.empty());
  }

  void write(const json::object& object) {
    std::vector<const json::key_value_pair*> sorted;
    for (const auto& pair : object) sorted.push_back(&pair);
    std::sort(sorted.begin(), sorted.end(),
              [](const auto* a, const auto* b) { return a->key() < b->key(); });
    text += '{';
    ++depth_;
    for (const auto* pair : sorted) {
      separate(pair == sorted.front());
      text += json::serialize(json::value(pair->key()));
      text += pretty_ ? ": " : ":";
      write(pair->value());
    }
    close('}', sorted.empty());
  }

  void separate(bool first) {
    if (!first) text += ',';
    new_line();
  }
  void close(char bracket, bool empty) {
    --depth_;
    if (!empty) new_line();
    text += bracket;
  }
  void new_line() {
    if (pretty_) text.append("\n").append(2 * depth_, ' ');
  }

  bool pretty_;
  std::size_t depth_ = 0;
};

}  // namespace

std::string json_text(const json::value& value, Layout layout) {
  JsonWriter writer(layout);
  writer.write(value);
  return std::move(writer.text);
}

std::string plain_text(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json_text(value);
}

}  // namespace postern::dialect::kumo
