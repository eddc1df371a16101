// The command line: one table of commands, and a parser that knows nothing else. Help, completions
// and manual pages come from the same table.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/exit_code.h"

namespace postern::app {

struct OptionSpec {
  std::string_view name;   ///< "--config"
  std::string_view value;  ///< "FILE"; empty: a switch
  std::string_view help;
  std::string_view preset;  ///< what holds without it; empty: nothing worth saying
};

struct ExampleSpec {
  std::string_view line;
  std::string_view what;
};

/// A command's name is one word, or two: a family and what it does, "dkim keygen".
struct CommandSpec {
  std::string_view name;
  std::string_view group;    ///< "Run", "Write policy", "Operate", "Set up", "About"
  std::string_view summary;  ///< a few words for the list of commands
  std::string_view purpose;  ///< one sentence
  std::string_view usage;    ///< behind "postern NAME "
  std::size_t most_arguments;
  std::span<const ExampleSpec> examples;
  std::span<const OptionSpec> options;
  std::span<const ExitCode> exit_codes;
  std::string_view see_also;
};

/// The first word of commands of two. The list of commands has the family only.
struct FamilySpec {
  std::string_view name;
  std::string_view summary;  ///< a few words for the list of commands
  std::string_view purpose;  ///< one sentence
};

std::span<const CommandSpec> commands();
std::span<const FamilySpec> families();
/// Those every command takes.
std::span<const OptionSpec> common_options();
const CommandSpec* find_command(std::string_view name);
const FamilySpec* find_family(std::string_view name);
/// Null for a command of one word.
const FamilySpec* family_of(const CommandSpec& command);
/// The word behind the family's; the name of a command of one word.
std::string_view last_word(const CommandSpec& command);

/// A command line that fits the table.
class Arguments {
 public:
  const CommandSpec* command = nullptr;
  std::vector<std::string> words;  ///< what is not an option; "-" is one

  bool has(std::string_view option) const { return options_.contains(option); }
  /// The last one given.
  std::optional<std::string> value(std::string_view option) const;
  std::vector<std::string> values(std::string_view option) const;

 private:
  friend class LineParser;
  std::map<std::string, std::vector<std::string>, std::less<>> options_;
};

struct UsageError {
  std::string message;
  std::string hint;
};

/// No command at all, or a family alone.
struct NoCommand {
  const FamilySpec* family = nullptr;
};

/// `--help` gives the command "help", `--version` "version".
std::variant<Arguments, UsageError, NoCommand> parse_command_line(
    const std::vector<std::string>& words);

}  // namespace postern::app
