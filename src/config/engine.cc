#include "config/engine.h"

#include "dialect/kumo/layer.h"
#include "dialect/restrictions/layer.h"
#include "dialect/vsl/layer.h"
#include "dialect/webhook/layer.h"
#include "policy/gateway_layer.h"

namespace postern::app {

policy::Engine engine_for(const Config& config) {
  std::vector<policy::LayerEntry> layers;
  if (const auto* loaded = config.restrictions.loaded()) {
    layers.push_back(
        {std::make_shared<dialect::restrictions::RestrictionsLayer>(loaded->compiled.policy,
                                                                    loaded->definition),
         config.restrictions.section.shadow ? policy::Mode::shadow : policy::Mode::enforce});
  }
  if (config.vsl.loaded) {
    layers.push_back(
        {std::make_shared<dialect::vsl::VslLayer>(config.vsl.loaded),
         config.vsl.mode == LuaMode::shadow ? policy::Mode::shadow : policy::Mode::enforce});
  }
  if (config.lua.loaded) {
    layers.push_back(
        {std::make_shared<dialect::kumo::KumoLayer>(config.lua.loaded),
         config.lua.mode == LuaMode::shadow ? policy::Mode::shadow : policy::Mode::enforce});
  }
  layers.push_back(
      {std::make_shared<dialect::webhook::WebhookLayer>(config.limits.webhook_recipients)});
  layers.push_back({policy::gateway_layer(config.limits.session, config.authentication.dmarc)});
  return policy::Engine(std::move(layers));
}

gateway::RemoteTables::Named remote_tables(const Config& config) {
  const auto* loaded = config.restrictions.loaded();
  if (loaded == nullptr || !loaded->compiled.policy) return {};
  return loaded->compiled.policy->remote_tables;
}

}  // namespace postern::app
