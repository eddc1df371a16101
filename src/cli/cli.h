// The command line: a table of commands and a parser driven by it. Help, completions and manual
// pages come from the same table.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/exit_code.h"

namespace postern::app {

/// One option of a command.
struct OptionSpec {
  std::string_view name;    ///< "--config"
  std::string_view value;   ///< "FILE"; empty: the option takes no value; "[=yes]": it may have one
  std::string_view help;    ///< what it does
  std::string_view preset;  ///< the default; empty: not mentioned

  /// Whether the value is another word of the line, if it is not after `=`.
  bool takes_word() const { return !value.empty() && !value.starts_with("[="); }
  /// "--config FILE", "--update[=yes]".
  std::string usage() const;
};

/// The option of commands that use the data directory.
inline constexpr OptionSpec data_dir_option{"--data-dir", "DIR", "where the gateway keeps its data",
                                            "./postern-data"};

/// One example of a command's help.
struct ExampleSpec {
  std::string_view line;  ///< the command line
  std::string_view what;  ///< what it does
};

/// A command. Its name is one word, or a family and a word: "dkim keygen".
struct CommandSpec {
  std::string_view name;                  ///< unique
  std::string_view group;                 ///< "Run", "Write policy", "Operate", "Set up", "About"
  std::string_view summary;               ///< a few words for the list of commands
  std::string_view purpose;               ///< one sentence
  std::string_view usage;                 ///< what follows "postern NAME "
  std::size_t most_arguments;             ///< limit of words that are not options
  std::span<const ExampleSpec> examples;  ///< for its help
  std::span<const OptionSpec> options;    ///< besides common_options()
  std::span<const ExitCode> exit_codes;   ///< codes that it may return
  std::string_view see_also;              ///< other commands and pages
};

/// The first word of two-word commands. The list of commands shows only the family.
struct FamilySpec {
  std::string_view name;     ///< unique
  std::string_view summary;  ///< a few words for the list of commands
  std::string_view purpose;  ///< one sentence
};

/// All commands, in the order of the help.
std::span<const CommandSpec> commands();
/// All families.
std::span<const FamilySpec> families();
/// The options that every command takes.
std::span<const OptionSpec> common_options();
/// The options of a command, then those that every command takes. One of its own stands for the
/// common one of the same name, of which it says something else.
std::vector<OptionSpec> options_of(const CommandSpec& command);
/// By full name; null: unknown.
const CommandSpec* find_command(std::string_view name);
/// Null: unknown.
const FamilySpec* find_family(std::string_view name);
/// The command's family; null for a one-word command.
const FamilySpec* family_of(const CommandSpec& command);
/// The word after the family; for a one-word command its name.
std::string_view last_word(const CommandSpec& command);

/// A valid command line.
class Arguments {
 public:
  const CommandSpec* command = nullptr;  ///< not null after parsing
  std::vector<std::string> words;        ///< arguments that are not options; "-" is one

  /// Whether the option was given.
  bool has(std::string_view option) const { return options_.contains(option); }
  /// The option's last value.
  std::optional<std::string> value(std::string_view option) const;
  /// All values of the option, in order.
  std::vector<std::string> values(std::string_view option) const;

 private:
  friend class LineParser;
  std::map<std::string, std::vector<std::string>, std::less<>> options_;
};

/// Why a command line is invalid.
struct UsageError {
  std::string message;  ///< one sentence
  std::string hint;     ///< what to do
};

/// No command was given, or only a family.
struct NoCommand {
  const FamilySpec* family = nullptr;  ///< null: no word at all
};

/// Parses the words after the program name. `--help` gives the command "help", `--version`
/// "version".
std::variant<Arguments, UsageError, NoCommand> parse_command_line(
    const std::vector<std::string>& words);

}  // namespace postern::app
