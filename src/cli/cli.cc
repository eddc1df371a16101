#include "cli/cli.h"

#include <fmt/format.h>

#include "base/text.h"

namespace postern::app {

namespace {

const OptionSpec* find_in(std::span<const OptionSpec> options, std::string_view name) {
  for (const OptionSpec& option : options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const auto near = nearest(word, candidates);
  return near ? fmt::format("; did you mean `{}`?", *near) : std::string();
}

}  // namespace

std::optional<std::string> Arguments::value(std::string_view option) const {
  const auto found = options_.find(option);
  return found == options_.end() ? std::nullopt : std::optional(found->second.back());
}

std::vector<std::string> Arguments::values(std::string_view option) const {
  const auto found = options_.find(option);
  return found == options_.end() ? std::vector<std::string>() : found->second;
}

class LineParser {
 public:
  explicit LineParser(const std::vector<std::string>& words) : words_(words) {}

  std::variant<Arguments, UsageError, NoCommand> parse() {
    bool only_words = false;
    for (at_ = 0; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      if (word == "--") {
        only_words = true;
        continue;
      }
      const bool is_option = !only_words && word.size() > 1 && word.front() == '-';
      if (!(is_option ? take_option(word) : take_word(word))) return *error_;
    }
    return finish();
  }

 private:
  bool refuse(std::string message, std::string hint) {
    error_ = UsageError{std::move(message), std::move(hint)};
    return false;
  }

  std::string help_line() const {
    if (out_.command) return fmt::format("`postern {} --help`", out_.command->name);
    return family_ ? fmt::format("`postern {} --help`", family_->name)
                   : std::string("`postern --help`");
  }

  /// The hint for an argument too many: of a command that takes none, usually a configuration file.
  std::string word_hint(const std::string& word) const {
    if (!word.ends_with(".toml") || out_.command->most_arguments > 0) return help_line();
    return fmt::format("`postern {} --config {}`", out_.command->name, printable(word, 64));
  }

  bool take_option(const std::string& word) {
    const std::size_t equals = word.find('=');
    std::string name = word.substr(0, equals);
    if (name == "-h") name = "--help";
    if (name == "--version" || name == "-V") {
      wants_version_ = true;
      return true;
    }
    const OptionSpec* option = find_in(common_options(), name);
    if (!option && out_.command) option = find_in(out_.command->options, name);
    if (!option) return unknown_option(name);
    if (option->value.empty()) {
      if (equals != std::string::npos) {
        return refuse(fmt::format("option `{}` takes no value", name), help_line());
      }
      out_.options_[name].emplace_back();
      return true;
    }
    if (equals == std::string::npos && !option->takes_word()) {
      out_.options_[name].emplace_back();
      return true;
    }
    if (equals == std::string::npos && at_ + 1 >= words_.size()) {
      return refuse(fmt::format("option `{}` needs a value: {} {}", name, name, option->value),
                    help_line());
    }
    out_.options_[name].push_back(equals == std::string::npos ? words_[++at_]
                                                              : word.substr(equals + 1));
    return true;
  }

  bool unknown_option(const std::string& name) {
    std::vector<std::string_view> names;
    for (const OptionSpec& option : common_options()) names.push_back(option.name);
    if (!out_.command) {
      for (const CommandSpec& command : commands()) {
        if (find_in(command.options, name)) {
          return refuse(fmt::format("option `{}` must come after its command", printable(name, 64)),
                        fmt::format("`postern {} {} ...`", command.name, name));
        }
      }
      return refuse(
          fmt::format("unknown option `{}`{}", printable(name, 64), did_you_mean(name, names)),
          help_line());
    }
    for (const OptionSpec& option : out_.command->options) names.push_back(option.name);
    return refuse(fmt::format("unknown option `{}` of `postern {}`{}", printable(name, 64),
                              out_.command->name, did_you_mean(name, names)),
                  help_line());
  }

  bool take_word(const std::string& word) {
    if (!out_.command) return take_command(word);
    if (out_.words.size() == out_.command->most_arguments) {
      return refuse(fmt::format("`{}` is one word too many for `postern {}`", printable(word, 64),
                                out_.command->name),
                    word_hint(word));
    }
    out_.words.push_back(word);
    return true;
  }

  bool take_command(const std::string& word) {
    out_.command = find_command(family_ ? fmt::format("{} {}", family_->name, word) : word);
    if (out_.command) return true;
    const FamilySpec* family = find_family(word);
    if (!family_ && family) {
      family_ = family;
      return true;
    }
    std::vector<std::string_view> names;
    for (const CommandSpec& command : commands()) {
      if (family_of(command) == family_) names.push_back(last_word(command));
    }
    if (family_) {
      return refuse(fmt::format("unknown command `{}` of `postern {}`{}", printable(word, 64),
                                family_->name, did_you_mean(word, names)),
                    fmt::format("`postern {} --help` lists them", family_->name));
    }
    for (const FamilySpec& one : families()) names.push_back(one.name);
    return refuse(
        fmt::format("unknown command `{}`{}", printable(word, 64), did_you_mean(word, names)),
        "`postern --help` lists the commands");
  }

  std::variant<Arguments, UsageError, NoCommand> finish() {
    if (out_.has("--help")) {
      if (out_.command) {
        out_.words = {std::string(out_.command->name)};
      } else if (family_) {
        out_.words = {std::string(family_->name)};
      }
      out_.command = find_command("help");
    } else if (wants_version_) {
      out_.command = find_command("version");
    }
    if (!out_.command) return NoCommand{family_};
    return out_;
  }

  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
  bool wants_version_ = false;
  Arguments out_;
  const FamilySpec* family_ = nullptr;  ///< its command was not read yet
  std::optional<UsageError> error_;
};

std::variant<Arguments, UsageError, NoCommand> parse_command_line(
    const std::vector<std::string>& words) {
  return LineParser(words).parse();
}

}  // namespace postern::app
