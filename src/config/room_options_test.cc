#include "config/room_options.h"

#include <gtest/gtest.h>

#include "dialect/kumo/listener.h"
#include "gateway/settings.h"

namespace postern::app {
namespace {

// What refuses mail, or takes what the configuration refuses, has no effect in shadow mode.
TEST(SessionSettings, a_policy_on_trial_sets_name_and_banner_and_no_limit) {
  auto started = std::make_shared<dialect::kumo::Listener>();
  started->hostname = "trial.example.net";
  started->banner = "trial.example.net on trial";
  started->recipients = 1;
  started->message_size = 7;
  started->messages = 2;
  started->line_endings = dialect::kumo::Listener::LineEndings::fix;
  started->connections = 3;
  ListenerConfig listener;
  const smtp::ServerOptions configured = session_settings(listener, Config{}).session;
  listener.started = started;
  for (const LuaMode mode : {LuaMode::enforce, LuaMode::shadow}) {
    Config config;
    config.lua.mode = mode;
    const gateway::ListenerSettings settings = session_settings(listener, config);
    const bool trial = mode == LuaMode::shadow;
    EXPECT_EQ(settings.session.hostname, "trial.example.net");
    EXPECT_EQ(settings.session.banner, "trial.example.net on trial");
    EXPECT_EQ(settings.session.limits.recipients, trial ? configured.limits.recipients : 1u);
    EXPECT_EQ(settings.session.limits.message_size, trial ? configured.limits.message_size : 7u);
    EXPECT_EQ(settings.session.limits.messages, trial ? configured.limits.messages : 2u);
    EXPECT_EQ(settings.session.bare_newline,
              trial ? configured.bare_newline : smtp::BareNewline::normalize);
    EXPECT_EQ(settings.connections, trial ? gateway::ListenerSettings().connections : 3u);
  }
}

}  // namespace
}  // namespace postern::app
