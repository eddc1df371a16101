#include <fmt/format.h>

#include "cli/help.h"

namespace postern::app {

namespace {

/// The possible arguments of a command, if they are known.
std::vector<std::string> argument_words(const CommandSpec& command) {
  if (command.name == "config") return {"example"};
  if (command.name == "completion") return {"bash", "zsh", "fish"};
  std::vector<std::string> out;
  if (command.name == "help") {
    // Shells complete words: `dkim keygen` is completed from `dkim`.
    for (const std::string_view subject : help_subjects()) {
      if (subject.find(' ') == std::string_view::npos) out.emplace_back(subject);
    }
  }
  return out;
}

bool takes_path(const OptionSpec& option) {
  return option.value == "FILE" || option.value == "DIR";
}

/// Commands whose argument is a file.
bool takes_file(const CommandSpec& command) {
  return command.name == "dkim sign" || command.name == "dkim verify" || command.name == "test";
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string joined_words(const CommandSpec& command) {
  std::vector<std::string> out;
  for (const OptionSpec& option : command.options) out.emplace_back(option.name);
  for (const OptionSpec& option : common_options()) out.emplace_back(option.name);
  for (const std::string& word : argument_words(command)) out.push_back(word);
  return joined(out);
}

std::vector<const CommandSpec*> members(const FamilySpec& family) {
  std::vector<const CommandSpec*> out;
  for (const CommandSpec& command : commands()) {
    if (family_of(command) == &family) out.push_back(&command);
  }
  return out;
}

std::string member_words(const FamilySpec& family) {
  std::vector<std::string> out;
  for (const CommandSpec* member : members(family)) out.emplace_back(last_word(*member));
  return joined(out);
}

std::string bash_script() {
  std::string names;
  std::string cases;
  std::string paths;
  const auto note_path = [&](const OptionSpec& option) {
    if (takes_path(option) && paths.find(std::string(option.name)) == std::string::npos) {
      paths += paths.empty() ? "" : "|";
      paths += option.name;
    }
  };
  for (const OptionSpec& option : common_options()) note_path(option);
  for (const CommandSpec& command : commands()) {
    for (const OptionSpec& option : command.options) note_path(option);
    if (family_of(command)) continue;
    names += (names.empty() ? "" : " ") + std::string(command.name);
    cases += fmt::format("    {}) words=\"{}\" ;;\n", command.name, joined_words(command));
  }
  for (const FamilySpec& family : families()) {
    names += " " + std::string(family.name);
    cases += fmt::format("    {}) case $COMP_CWORD.${{COMP_WORDS[2]}} in\n", family.name);
    cases += fmt::format("      2.*) words=\"{} --help\" ;;\n", member_words(family));
    for (const CommandSpec* member : members(family)) {
      cases +=
          fmt::format("      *.{}) words=\"{}\" ;;\n", last_word(*member), joined_words(*member));
    }
    cases += "      esac ;;\n";
  }
  return fmt::format(
      "# bash completion for postern, made by `postern completion bash`\n"
      "_postern() {{\n"
      "  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} words=\n"
      "  COMPREPLY=()\n"
      "  case $prev in\n"
      "    {}) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
      "  esac\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"{} --help --version\" -- \"$cur\"))\n"
      "    return\n"
      "  fi\n"
      "  case ${{COMP_WORDS[1]}} in\n"
      "{}"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "}}\n"
      "complete -o default -F _postern postern\n",
      paths, names, cases);
}

/// Single-quoted text for a shell; zsh needs brackets and colons in descriptions escaped.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':') out += '\\';
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out;
}

/// The arguments of zsh's `_arguments` for a command; `at` is the position of its argument.
std::string zsh_arguments(const CommandSpec& command, int at) {
  std::string out = "_arguments";
  const auto add = [&](const OptionSpec& option) {
    out += fmt::format(" '{}[{}]{}'", option.name, zsh_text(option.help),
                       !option.takes_word() ? std::string()
                       : takes_path(option) ? fmt::format(":{}:_files", option.value)
                                            : fmt::format(":{}:", zsh_text(option.value)));
  };
  for (const OptionSpec& option : command.options) add(option);
  for (const OptionSpec& option : common_options()) add(option);
  const std::string words = joined(argument_words(command));
  if (!words.empty()) out += fmt::format(" '{}:argument:({})'", at, words);
  if (takes_file(command)) out += fmt::format(" '{}:file:_files'", at);
  return out;
}

std::string zsh_script() {
  std::string out =
      "#compdef postern\n# zsh completion for postern, made by `postern completion zsh`\n"
      "_postern() {\n  local -a names\n  names=(\n";
  const auto describe = [&](std::string_view name, std::string_view summary) {
    out += fmt::format("    '{}:{}'\n", name, zsh_text(summary));
  };
  for (const CommandSpec& command : commands()) {
    if (!family_of(command)) describe(command.name, command.summary);
  }
  for (const FamilySpec& family : families()) describe(family.name, family.summary);
  out +=
      "  )\n  if (( CURRENT == 2 )); then\n    _describe command names\n    return\n  fi\n"
      "  case $words[2] in\n";
  for (const CommandSpec& command : commands()) {
    if (family_of(command)) continue;
    out += fmt::format("    {}) {} ;;\n", command.name, zsh_arguments(command, 2));
  }
  for (const FamilySpec& family : families()) {
    out += fmt::format("    {})\n  names=(\n", family.name);
    for (const CommandSpec* member : members(family)) {
      describe(last_word(*member), member->summary);
    }
    out +=
        "  )\n  if (( CURRENT == 3 )); then\n    _describe command names\n    return\n  fi\n"
        "  case $words[3] in\n";
    for (const CommandSpec* member : members(family)) {
      out += fmt::format("    {}) {} ;;\n", last_word(*member), zsh_arguments(*member, 3));
    }
    out += "  esac ;;\n";
  }
  return out + "  esac\n}\n_postern \"$@\"\n";
}

std::string fish_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

/// The fish condition that the words of a command are on the line.
std::string fish_condition(const CommandSpec& command) {
  const FamilySpec* family = family_of(command);
  const std::string own = fmt::format("__fish_seen_subcommand_from {}", last_word(command));
  return family ? fmt::format("__fish_seen_subcommand_from {}; and {}", family->name, own) : own;
}

std::string fish_options(const CommandSpec& command) {
  std::string out;
  const std::string condition = fish_condition(command);
  const auto add = [&](const OptionSpec& option) {
    out += fmt::format("complete -c postern -n '{}' -l {} {}-d '{}'\n", condition,
                       option.name.substr(2),
                       !option.takes_word() ? ""
                       : takes_path(option) ? "-r -F "
                                            : "-x ",
                       fish_text(option.help));
  };
  for (const OptionSpec& option : command.options) add(option);
  for (const OptionSpec& option : common_options()) add(option);
  for (const std::string& word : argument_words(command)) {
    out += fmt::format("complete -c postern -n '{}' -a {}\n", condition, word);
  }
  if (takes_file(command)) out += fmt::format("complete -c postern -n '{}' -F\n", condition);
  return out;
}

std::string fish_script() {
  std::string out =
      "# fish completion for postern, made by `postern completion fish`\n"
      "complete -c postern -f\n";
  const auto first_word = [&](std::string_view name, std::string_view summary) {
    out += fmt::format("complete -c postern -n __fish_use_subcommand -a {} -d '{}'\n", name,
                       fish_text(summary));
  };
  for (const CommandSpec& command : commands()) {
    if (!family_of(command)) first_word(command.name, command.summary);
    out += fish_options(command);
  }
  for (const FamilySpec& family : families()) {
    first_word(family.name, family.summary);
    for (const CommandSpec* member : members(family)) {
      out += fmt::format(
          "complete -c postern -n '__fish_seen_subcommand_from {}; and not "
          "__fish_seen_subcommand_from {}' -a {} -d '{}'\n",
          family.name, member_words(family), last_word(*member), fish_text(member->summary));
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> completion_script(std::string_view shell) {
  if (shell == "bash") return bash_script();
  if (shell == "zsh") return zsh_script();
  if (shell == "fish") return fish_script();
  return std::nullopt;
}

}  // namespace postern::app
