#include <fmt/format.h>

#include "app/help.h"

namespace postern::app {

namespace {

/// The words a command takes as its argument, where they are known.
std::vector<std::string> argument_words(const CommandSpec& command) {
  if (command.name == "config") return {"example"};
  if (command.name == "completion") return {"bash", "zsh", "fish"};
  std::vector<std::string> out;
  if (command.name == "help") {
    for (const std::string_view subject : help_subjects()) out.emplace_back(subject);
  }
  return out;
}

bool takes_path(const OptionSpec& option) {
  return option.value == "FILE" || option.value == "DIR";
}

std::string joined_words(const CommandSpec& command) {
  std::string out;
  const auto add = [&](std::string_view word) {
    if (!out.empty()) out += ' ';
    out += word;
  };
  for (const OptionSpec& option : command.options) add(option.name);
  for (const OptionSpec& option : common_options()) add(option.name);
  for (const std::string& word : argument_words(command)) add(word);
  return out;
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
    names += (names.empty() ? "" : " ") + std::string(command.name);
    cases += fmt::format("    {}) words=\"{}\" ;;\n", command.name, joined_words(command));
    for (const OptionSpec& option : command.options) note_path(option);
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

/// In single quotes for a shell; zsh takes brackets and colons in descriptions with a backslash.
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

std::string zsh_script() {
  std::string out =
      "#compdef postern\n# zsh completion for postern, made by `postern completion zsh`\n"
      "_postern() {\n  local -a names\n  names=(\n";
  for (const CommandSpec& command : commands()) {
    out += fmt::format("    '{}:{}'\n", command.name, zsh_text(command.summary));
  }
  out +=
      "  )\n  if (( CURRENT == 2 )); then\n    _describe command names\n    return\n  fi\n"
      "  case $words[2] in\n";
  for (const CommandSpec& command : commands()) {
    out += fmt::format("    {}) _arguments", command.name);
    const auto add = [&](const OptionSpec& option) {
      out += fmt::format(" '{}[{}]{}'", option.name, zsh_text(option.help),
                         option.value.empty() ? std::string()
                         : takes_path(option) ? fmt::format(":{}:_files", option.value)
                                              : fmt::format(":{}:", zsh_text(option.value)));
    };
    for (const OptionSpec& option : command.options) add(option);
    for (const OptionSpec& option : common_options()) add(option);
    std::string words;
    for (const std::string& word : argument_words(command))
      words += (words.empty() ? "" : " ") + word;
    if (!words.empty()) out += fmt::format(" '2:argument:({})'", words);
    out += " ;;\n";
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

std::string fish_script() {
  std::string out =
      "# fish completion for postern, made by `postern completion fish`\n"
      "complete -c postern -f\n";
  for (const CommandSpec& command : commands()) {
    out += fmt::format("complete -c postern -n __fish_use_subcommand -a {} -d '{}'\n", command.name,
                       fish_text(command.summary));
    const auto add = [&](const OptionSpec& option) {
      out +=
          fmt::format("complete -c postern -n '__fish_seen_subcommand_from {}' -l {} {}-d '{}'\n",
                      command.name, option.name.substr(2),
                      option.value.empty() ? ""
                      : takes_path(option) ? "-r -F "
                                           : "-x ",
                      fish_text(option.help));
    };
    for (const OptionSpec& option : command.options) add(option);
    for (const OptionSpec& option : common_options()) add(option);
    for (const std::string& word : argument_words(command)) {
      out += fmt::format("complete -c postern -n '__fish_seen_subcommand_from {}' -a {}\n",
                         command.name, word);
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
