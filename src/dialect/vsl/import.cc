// Reads a vsmtp.toml: looks up every key and checks the type of every value.
#include "dialect/vsl/import.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "base/text.h"
#include "base/toml.h"
#include "dialect/vsl/import_parts.h"

namespace postern::dialect::vsl {

namespace vsmtp {
namespace {

using Parts = std::vector<std::string>;

/// vSMTP knows no key in deeper tables.
constexpr std::size_t deepest_key = 8;

std::string dotted(const Parts& parts) {
  std::string out;
  for (const std::string& part : parts) {
    const bool bare = !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
      return is_alnum(c) || c == '_' || c == '-';
    });
    out += (out.empty() ? "" : ".") + (bare ? part : '"' + printable(part, 80) + '"');
  }
  return out;
}

/// Whether the pattern begins with these parts.
bool begins(const std::vector<std::string_view>& pattern, const Parts& parts) {
  if (pattern.size() < parts.size()) return false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (pattern[i] != "*" && pattern[i] != parts[i]) return false;
  }
  return true;
}

std::string_view shape_word(Shape shape) {
  switch (shape) {
    case Shape::text:
    case Shape::duration:
      return "text";
    case Shape::texts:
      return "a text or a list of texts";
    case Shape::number:
      return "a number";
    case Shape::flag:
      return "true or false";
    case Shape::any:
      break;
  }
  return "anything";
}

/// Returns false if the node is of another type.
bool read_value(const toml::node& node, Shape shape, Setting& setting) {
  switch (shape) {
    case Shape::text:
    case Shape::duration:
      if (!node.is_string()) return false;
      setting.text = node.as_string()->get();
      return true;
    case Shape::texts:
      if (node.is_string()) {
        setting.texts.push_back(node.as_string()->get());
        return true;
      }
      if (!node.is_array()) return false;
      for (const toml::node& element : *node.as_array()) {
        if (!element.is_string()) return false;
        setting.texts.push_back(element.as_string()->get());
      }
      return true;
    case Shape::number:
      if (!node.is_integer()) return false;
      setting.number = node.as_integer()->get();
      return true;
    case Shape::flag:
      if (!node.is_boolean()) return false;
      setting.flag = node.as_boolean()->get();
      return true;
    case Shape::any:
      break;
  }
  return true;
}

class Importer {
 public:
  explicit Importer(VsmtpImport& result) : result_(result) {
    for (const KnownKey& key : known_keys()) patterns_.push_back(split(key.path, '.'));
  }

  Draft& draft() { return draft_; }

  void read(const toml::table& table, Parts& parts) {
    for (const auto& [name, node] : table) {
      parts.emplace_back(name.str());
      read_entry(name.source(), node, parts);
      parts.pop_back();
    }
  }

 private:
  void read_entry(const toml::source_region& place, const toml::node& node, Parts& parts) {
    const auto exact = std::find_if(patterns_.begin(), patterns_.end(), [&](const auto& pattern) {
      return pattern.size() == parts.size() && begins(pattern, parts);
    });
    const bool leads_on = std::any_of(patterns_.begin(), patterns_.end(), [&](const auto& pattern) {
      return pattern.size() > parts.size() && begins(pattern, parts);
    });
    if (exact != patterns_.end()) {
      take(known_keys()[static_cast<std::size_t>(exact - patterns_.begin())], place, node, parts);
    } else if (!leads_on) {
      unknown(place, node, parts);
    } else if (!node.is_table() || parts.size() > deepest_key) {
      mistake("C013", place, fmt::format("`{}` is a section", dotted(parts)), "not a section",
              fmt::format("write `[{}]` on a line of its own and its keys below", dotted(parts)));
    } else {
      if (parts.size() == 3 && parts[1] == "virtual") {
        draft_.virtual_domains[parts[2]].line = place.begin.line;
      }
      read(*node.as_table(), parts);
    }
  }

  void take(const KnownKey& key, const toml::source_region& place, const toml::node& node,
            const Parts& parts) {
    Setting setting{.name = dotted(parts), .parts = parts, .line = place.begin.line};
    if (!read_value(node, key.shape, setting)) {
      mistake("C013", node.source(),
              fmt::format("`{}` wants {}", setting.name, shape_word(key.shape)),
              std::string(shape_word(key.shape)), "");
      return;
    }
    if (key.shape == Shape::duration) {
      const auto duration = parse_human_duration(setting.text);
      if (!duration) {
        mistake("C014", node.source(), fmt::format("`{}` is a time", setting.name),
                duration.error().message, "write it like \"5m\" or \"1h 30m\"");
        return;
      }
      setting.duration = *duration;
    }
    const Result<Verdict> verdict = key.judge(draft_, setting);
    if (!verdict) {
      mistake("C017", node.source(), fmt::format("this is not a value of `{}`", setting.name),
              "it takes " + verdict.error().message, "");
      return;
    }
    result_.parameters.push_back(
        {.name = setting.name, .line = setting.line, .fate = verdict->fate, .note = verdict->note});
  }

  void unknown(const toml::source_region& place, const toml::node& node, const Parts& parts) {
    const Parts around(parts.begin(), parts.end() - 1);
    std::vector<std::string_view> here;
    for (const auto& pattern : patterns_) {
      if (pattern.size() > around.size() && begins(pattern, around)) {
        here.push_back(pattern[around.size()]);
      }
    }
    const auto near = nearest(parts.back(), here);
    const std::string_view kind = node.is_table() ? "section" : "key";
    result_.parameters.push_back(
        {.name = dotted(parts),
         .line = place.begin.line,
         .fate = Fate::not_supported,
         .note = near ? fmt::format("unknown {}; did you mean `{}`?", kind, *near)
                      : fmt::format("vSMTP 1.3 has no such {}", kind)});
  }

  void mistake(std::string code, const toml::source_region& place, std::string message,
               std::string label, std::string hint) {
    const bool one_line = place.end.line == place.begin.line;
    result_.mistakes.push_back({.code = std::move(code),
                                .line = place.begin.line,
                                .column = place.begin.column,
                                .end_column = one_line ? place.end.column : place.begin.column + 1,
                                .message = std::move(message),
                                .label = std::move(label),
                                .hint = std::move(hint)});
  }

  VsmtpImport& result_;
  std::vector<std::vector<std::string_view>> patterns_;
  Draft draft_;
};

/// What to do about a file that is no TOML. vSMTP 2 has a script in place of vsmtp.toml.
std::string_view hint_for(std::string_view text) {
  if (text.find("fn on_config") == std::string_view::npos) return "the file must be TOML 1.0";
  return "this is the vsmtp.vsl of vSMTP 2: import reads the vsmtp.toml of 1.3. Write postern.toml "
         "by hand, with `[vsl] policy` for your rules (docs/move-from-vsmtp.md)";
}

}  // namespace
}  // namespace vsmtp

VsmtpImport import_vsmtp(std::string_view vsmtp_toml, const ImportOptions& options) {
  VsmtpImport result;
  const auto root = parse_toml(vsmtp_toml);
  if (!root) {
    const toml::source_region& at = root.error().source;
    result.mistakes.push_back({.code = "C001",
                               .line = at.begin.line,
                               .column = at.begin.column,
                               .end_column = at.begin.column + 1,
                               .message = root.error().why,
                               .label = "here",
                               .hint = std::string(vsmtp::hint_for(vsmtp_toml))});
    return result;
  }
  vsmtp::Importer importer(result);
  vsmtp::Parts parts;
  importer.read(*root, parts);
  std::ranges::sort(result.parameters, {},
                    [](const auto& one) { return std::tie(one.line, one.name); });
  std::ranges::sort(result.mistakes, {},
                    [](const auto& one) { return std::tie(one.line, one.column); });
  if (!result.ok()) return result;
  result.toml = vsmtp::postern_toml(importer.draft(), options.file_name);
  result.notes = vsmtp::open_questions(importer.draft());
  return result;
}

}  // namespace postern::dialect::vsl
