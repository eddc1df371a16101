// Calls that need more than their arguments: a method that the service has, and of the
// configuration a folder, a key, accounts, an allowed command.
#include "base/text.h"
#include "dialect/vsl/lint_facts.h"
#include "dialect/vsl/security.h"
#include "dialect/vsl/service.h"

namespace postern::dialect::vsl {

namespace {

/// A text that an entry of a literal map has; null: it is computed, or not there.
const std::string* literal_in(const Node& map, std::string_view key) {
  if (map.kind != Kind::map) return nullptr;
  for (std::size_t i = 0; i < map.names.size(); ++i) {
    const Node& value = *map.nodes[i];
    if (map.names[i].text == key && value.kind == Kind::string) return &value.text;
  }
  return nullptr;
}

class Needs {
 public:
  Needs(Lint& lint, const FileFacts& file, const Node& call, bool is_in_try)
      : lint_(lint), file_(file), call_(call), is_in_try_(is_in_try) {}

  void of_service(const Node& service) const;
  void of_function(const LintSettings& settings) const;

 private:
  void of_signature(const Site& site) const;
  void fails(std::string message, std::string hint = {}) const {
    if (is_in_try_) return lint_.warn(file_, call_.at, std::move(message), std::move(hint));
    lint_.fails(file_, call_.at, std::move(message), std::move(hint));
  }
  /// For what may come until the policy serves, or be on the machine that serves it.
  void lacks(std::string message, std::string hint) const {
    lint_.warn(file_, call_.at, std::move(message), std::move(hint));
  }
  bool is(std::string_view name) const { return call_.text == name; }

  Lint& lint_;
  const FileFacts& file_;
  const Node& call_;
  const bool is_in_try_;
};

void Needs::of_service(const Node& service) const {
  const std::string kind =
      service.content.empty() ? service.word : service.word + ":" + service.content;
  const auto method = service_method(kind, call_.text, call_.nodes.size() - 1);
  if (!method) return fails(method.error(), "docs/vsl-services.md has the functions of services");
  const Node& options = *service.nodes.front();
  if (const std::string* access = literal_in(options, "access")) {
    std::string why = refused_access(*access, (*method)->does);
    if (!why.empty()) fails(std::move(why), "write `access: \"O_RDWR\"` in the service's options");
  }
  const std::string* command = literal_in(options, "command");
  if (command == nullptr || kind != "cmd" || lint_.settings() == nullptr) return;
  const auto path = allowed_program(*command, lint_.settings()->site.allowed_commands);
  if (!path) {
    fails(path.error(), "write the path of the program into `allow_commands` below [vsl]");
  } else if (!is_program(*path)) {
    lacks("there is no program " + printable(*path, 200) + " that can be run",
          "install it, or correct `allow_commands` below [vsl]");
  }
}

void Needs::of_function(const LintSettings& settings) const {
  if ((is("write") || is("dump")) && settings.site.app_directory.empty()) {
    fails(shown(call_) + " has no folder to write into", "set `app_dir` below [vsl]");
  } else if (is("authenticate") && !settings.has_accounts) {
    lacks(shown(call_) + " refuses every login: there are no accounts",
          "write an [[auth.source]] into postern.toml (docs/auth.md)");
  } else if (is("sign_dkim") || is("dkim_sign")) {
    of_signature(settings.site);
  }
}

void Needs::of_signature(const Site& site) const {
  static constexpr const char* hint =
      "set `dkim_key` below [vsl], or in a [[vsl.virtual]] for its domain; `postern dkim keygen` "
      "makes a key";
  const std::string* domain =
      call_.nodes.empty() ? nullptr : literal_in(*call_.nodes.front(), "sdid");
  if (!has_keys(site)) {
    lacks(shown(call_) + " has no key to sign with", hint);
  } else if (domain != nullptr && key_of(site, lower(*domain)) == nullptr) {
    lacks(shown(call_) + " has no key of '" + printable(*domain, 100) + "' to sign with", hint);
  }
}

}  // namespace

void lint_site(Lint& lint, const FileFacts& file, const Node& call, bool is_in_try,
               const std::function<const Node*(const Node&)>& declared) {
  const Needs needs(lint, file, call, is_in_try);
  if (lint.find(call.text).function != nullptr) {
    // A replay signs nothing and has no keys.
    const LintSettings* settings = lint.settings();
    if (settings != nullptr && settings->site.signs) needs.of_function(*settings);
    return;
  }
  if (call.nodes.empty() || call.nodes.front()->kind != Kind::variable) return;
  const Node* service = declared(*call.nodes.front());
  if (service != nullptr && service->kind == Kind::service) needs.of_service(*service);
}

}  // namespace postern::dialect::vsl
