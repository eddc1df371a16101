// The part of an Instance that makes the verifiers of accounts.
#include <memory>

#include <fmt/format.h>

#include "base/version.h"
#include "dialect/kumo/layer.h"
#include "dialect/vsl/layer.h"
#include "gateway/policies_verifier.h"
#include "serve/instance.h"
#include "store/operators.h"

namespace postern::app {

ScriptWorld& Instance::world_trusting(const std::string& ca_file) {
  std::unique_ptr<ScriptWorld>& world = worlds_[ca_file];
  if (!world) {
    world = std::make_unique<ScriptWorld>(
        *resolver_, *source_pool_,
        ScriptWorld::Options{.ca_file = ca_file,
                             .user_agent = fmt::format("Postern/{}", current_version().number)});
  }
  return *world;
}

gateway::PoliciesVerifier::Operates Instance::operators_of(const Config& config) {
  auto operators = std::make_shared<const store::Operators>(*store_, config.api.operators);
  return [operators = std::move(operators)](const std::string& account) {
    return operators->contains(account).value_or(false);
  };
}

tl::expected<std::shared_ptr<const gateway::Authenticator::Verifiers>, StartError>
Instance::verifiers_of(const Config& config) {
  const AuthConfig& auth = config.auth;
  auto verifiers = std::make_shared<gateway::Authenticator::Verifiers>();
  for (const gateway::AuthSource& source : auth.sources) {
    if (source.kind == gateway::AuthSource::Kind::none) continue;
    auto opened = gateway::open_auth_source(source, {.hashing = *auth_pool_,
                                                     .lookups = *source_pool_,
                                                     .world = world_trusting(source.ca),
                                                     .patience = auth.wait});
    if (!opened) return cannot(ExitCode::config, opened.error().message, "see `[[auth.source]]`");
    verifiers->push_back(std::move(*opened));
  }
  // .vsl rules that decide on authentication are the only verifier; they may ask the sources.
  if (config.vsl.loaded && config.vsl.mode == LuaMode::enforce) {
    auto rules =
        std::make_shared<dialect::vsl::VslVerifier>(config.vsl.loaded, std::move(*verifiers));
    verifiers->clear();
    verifiers->push_back(std::move(rules));
  }
  // In shadow mode the hook is not asked: a policy on trial must not see passwords.
  if (config.lua.loaded && config.lua.mode == LuaMode::enforce) {
    verifiers->push_back(std::make_shared<dialect::kumo::KumoVerifier>(config.lua.loaded));
  }
  if (auth.policies)
    verifiers->push_back(std::make_shared<gateway::PoliciesVerifier>(
        directory_, *auth_pool_, auth.wait, operators_of(config)));
  return verifiers;
}

}  // namespace postern::app
