#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "cli/help.h"
#include "config/schema.h"
#include "smtp/codes.h"

namespace postern::app {

namespace {

/// What the arguments of a command are.
enum class Argument : std::uint8_t { other, words, file, message };

constexpr std::pair<std::string_view, Argument> arguments_of[] = {
    {"backup", Argument::file},         {"completion", Argument::words},
    {"config", Argument::words},        {"dkim sign", Argument::file},
    {"dkim verify", Argument::file},    {"help", Argument::words},
    {"import postfix", Argument::file}, {"import vsmtp", Argument::file},
    {"plan", Argument::file},           {"queue drop", Argument::message},
    {"queue hold", Argument::message},  {"queue release", Argument::message},
    {"queue retry", Argument::message}, {"queue show", Argument::message},
    {"queue simulate", Argument::file}, {"restore", Argument::file},
    {"test", Argument::file},           {"tls install", Argument::file},
};

Argument argument_of(const CommandSpec& command) {
  const auto* const found =
      std::ranges::find(arguments_of, command.name, &std::pair<std::string_view, Argument>::first);
  return found == std::end(arguments_of) ? Argument::other : found->second;
}

/// The possible arguments of a command, if they are known.
std::vector<std::string> argument_words(const CommandSpec& command) {
  if (command.name == "config") return {"example"};
  if (command.name == "completion") return {"bash", "zsh", "fish"};
  if (command.name == "plan") return {"running"};
  std::set<std::string> out;
  if (command.name == "help") {
    // Shells complete words: `dkim keygen` is completed from `dkim`.
    for (const std::string_view subject : help_subjects()) {
      if (subject.find(' ') == std::string_view::npos) out.emplace(subject);
    }
    for (const smtp::CodeMeaning& one : smtp::known_codes()) out.insert(std::to_string(one.code));
    for (const Key& key : config_keys()) {
      out.insert(key.section.empty() ? std::string(key.name)
                                     : fmt::format("{}.{}", key.section, key.name));
    }
  }
  return {out.begin(), out.end()};
}

bool takes_path(const OptionSpec& option) {
  return option.value == "FILE" || option.value == "DIR";
}

/// Options that are followed by a word, and options that are followed by a path; between `|`.
struct Valued {
  std::string paths = "|";
  std::string others = "|";
};

Valued valued(const CommandSpec& command) {
  Valued out;
  const auto add = [&](const OptionSpec& option) {
    if (option.takes_word())
      (takes_path(option) ? out.paths : out.others) += fmt::format("{}|", option.name);
  };
  for (const OptionSpec& option : options_of(command)) add(option);
  return out;
}

std::string joined_words(const CommandSpec& command) {
  std::vector<std::string> out;
  for (const OptionSpec& option : options_of(command)) out.emplace_back(option.name);
  for (const std::string& word : argument_words(command)) out.push_back(word);
  return fmt::to_string(fmt::join(out, " "));
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
  return fmt::to_string(fmt::join(out, " "));
}

/// What a case of the bash script sets for a command.
std::string bash_case(const CommandSpec& command) {
  const Valued options = valued(command);
  constexpr std::string_view names[] = {"other", "words", "file", "message"};
  return fmt::format("words='{}' paths='{}' values='{}' argument={} ;;\n", joined_words(command),
                     options.paths, options.others,
                     names[static_cast<std::size_t>(argument_of(command))]);
}

constexpr std::string_view bash_functions =
    R"sh(# The messages in the queue of the gateway that the line means.
_postern_messages() {
  local i word at=()
  for ((i = 2; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --config | --data-dir)
        i=$((i + 1))
        if [ "${COMP_WORDS[i]}" = = ]; then i=$((i + 1)); fi
        at+=("$word" "${COMP_WORDS[i]/#\~\//$HOME/}") ;;
    esac
  done
  "${COMP_WORDS[0]/#\~\//$HOME/}" queue list --limit 500 --json "${at[@]}" 2> /dev/null < /dev/null |
    sed -n 's/^{"id":"\([0-9A-Z]*\)".*/\1/p'
}
_postern_files() {
  compopt -o filenames 2> /dev/null
  mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$1")
}
)sh";

constexpr std::string_view bash_end =
    R"sh(  if [ "$cur" = = ]; then cur=; elif [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
  case $paths in *"|$prev|"*) _postern_files "$cur"; return ;; esac
  case $values in *"|$prev|"*) return ;; esac
  if [ "$argument" = message ] && [[ $cur != -* ]]; then words=$(_postern_messages); fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [ "$argument" = file ] && [[ $cur != -* ]]; then _postern_files "$cur"; fi
}
complete -F _postern postern
)sh";

std::string bash_script() {
  std::string names;
  std::string cases;
  for (const CommandSpec& command : commands()) {
    if (family_of(command)) continue;
    names += (names.empty() ? "" : " ") + std::string(command.name);
    cases += fmt::format("    {}) {}", command.name, bash_case(command));
  }
  for (const FamilySpec& family : families()) {
    names += " " + std::string(family.name);
    cases += fmt::format("    {}) case $COMP_CWORD.${{COMP_WORDS[2]}} in\n", family.name);
    cases += fmt::format("      2.*) words='{} --help' ;;\n", member_words(family));
    for (const CommandSpec* member : members(family)) {
      cases += fmt::format("      *.{}) {}", last_word(*member), bash_case(*member));
    }
    cases += "      esac ;;\n";
  }
  return fmt::format(
      "# bash completion for postern, made by `postern completion bash`\n"
      "{}"
      "_postern() {{\n"
      "  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}\n"
      "  local words= paths= values= argument=\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"{} --help --version\" -- \"$cur\"))\n"
      "    return\n"
      "  fi\n"
      "  case ${{COMP_WORDS[1]}} in\n"
      "{}"
      "  esac\n"
      "{}",
      bash_functions, names, cases, bash_end);
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
  for (const OptionSpec& option : options_of(command)) add(option);
  const std::string words = fmt::to_string(fmt::join(argument_words(command), " "));
  switch (argument_of(command)) {
    case Argument::other:
      // Without a form for arguments the name of the command would end what is completed.
      out += " '*:argument: true'";
      break;
    case Argument::words:
      out += fmt::format(" '{}:argument:({})'", at, words);
      break;
    case Argument::file:
      out += words.empty()
                 ? std::string(" '*:file:_files'")
                 : fmt::format(" '*:argument: _alternative \"words:word:({})\" files:file:_files'",
                               words);
      break;
    case Argument::message:
      out += " '*:message:_postern_messages'";
      break;
  }
  return out;
}

constexpr std::string_view zsh_functions =
    R"sh(# The messages in the queue of the gateway that the line means.
_postern_messages() {
  local -a at ids
  local i
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
      (--config|--data-dir) at+=($words[i] "${${(Q)words[i+1]}/#\~\//$HOME/}") ;;
      (--config=*|--data-dir=*) at+=("${(Q)words[i]}") ;;
    esac
  done
  ids=(${(f)"$("${${(Q)words[1]}/#\~\//$HOME/}" queue list --limit 500 --json $at 2> /dev/null < /dev/null |
    sed -n 's/^{"id":"\([0-9A-Z]*\)".*/\1/p')"})
  compadd -a ids
}
)sh";

std::string zsh_script() {
  std::string out =
      "#compdef postern\n# zsh completion for postern, made by `postern completion zsh`\n" +
      std::string(zsh_functions) + "_postern() {\n  local -a names\n  names=(\n";
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
  return fmt::format("__postern_on {}", command.name);
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
  for (const OptionSpec& option : options_of(command)) add(option);
  if (const std::string words = fmt::to_string(fmt::join(argument_words(command), " "));
      !words.empty()) {
    out += fmt::format("complete -c postern -n '{}' -a '{}'\n", condition, words);
  }
  const Argument argument = argument_of(command);
  if (argument == Argument::file) out += fmt::format("complete -c postern -n '{}' -F\n", condition);
  if (argument == Argument::message) {
    out += fmt::format("complete -c postern -n '{}' -a '(__postern_messages)'\n", condition);
  }
  return out;
}

constexpr std::string_view fish_functions =
    R"sh(# Whether these are the first words of the line; without words: whether it has none.
function __postern_on
  set -l words (string match -v -- '-*' (commandline -opc)[2..])
  test (count $argv) -gt 0; or return (count $words)
  test "$words[1]" = "$argv[1]"; or return 1
  test (count $argv) -eq 1; or test "$words[2]" = "$argv[2]"
end
# Whether the line has a family of commands and no more.
function __postern_in
  set -l words (string match -v -- '-*' (commandline -opc)[2..])
  test (count $words) -eq 1; and test "$words[1]" = "$argv[1]"
end
# The messages in the queue of the gateway that the line means.
function __postern_messages
  set -l words (commandline -opc)
  set -l at
  for i in (seq 2 (count $words))
    switch $words[$i]
      case --config --data-dir
        set -a at $words[$i] (string replace -r '^~/' "$HOME/" -- $words[(math $i + 1)])
      case '--config=*' '--data-dir=*'
        set -a at $words[$i]
    end
  end
  set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
  $program queue list --limit 500 --json $at 2> /dev/null < /dev/null |
    string replace -rf '^\{"id":"([0-9A-Z]+)".*' '$1'
end
)sh";

std::string fish_script() {
  std::string out = "# fish completion for postern, made by `postern completion fish`\n" +
                    std::string(fish_functions) + "complete -c postern -f\n";
  const auto word = [&](const std::string& condition, std::string_view name,
                        std::string_view summary) {
    out += fmt::format("complete -c postern -n '{}' -a {} -d '{}'\n", condition, name,
                       fish_text(summary));
  };
  for (const CommandSpec& command : commands()) {
    if (!family_of(command)) word("__postern_on", command.name, command.summary);
    out += fish_options(command);
  }
  for (const FamilySpec& family : families()) {
    word("__postern_on", family.name, family.summary);
    for (const CommandSpec* member : members(family)) {
      word(fmt::format("__postern_in {}", family.name), last_word(*member), member->summary);
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
