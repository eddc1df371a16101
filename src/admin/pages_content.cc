#include "admin/pages.h"

namespace postern::admin::content {

const std::string_view signin_html = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in - Postern</title>
<link rel="stylesheet" href="/app/assets/style.css">
<script src="/app/assets/pages.js" defer></script>
</head>
<body>
<main>
<h1>Sign in</h1>
<form id="signin" autocomplete="on">
<label for="email">Email</label>
<input id="email" name="email" type="email" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">Sign in</button>
</form>
<form id="second" hidden>
<label for="code">Code</label>
<input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required>
<button type="submit">Continue</button>
</form>
<p id="message" role="alert"></p>
<p>No account yet? <a href="/app/signup">Sign up</a></p>
</main>
</body>
</html>
)html";

const std::string_view signup_html = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign up - Postern</title>
<link rel="stylesheet" href="/app/assets/style.css">
<script src="/app/assets/pages.js" defer></script>
</head>
<body>
<main>
<h1>Sign up</h1>
<form id="signup" autocomplete="on">
<label for="email">Email</label>
<input id="email" name="email" type="email" autocomplete="username" required>
<label for="password">Password (12 characters or more)</label>
<input id="password" name="password" type="password" autocomplete="new-password" minlength="12" maxlength="1024" required>
<button type="submit">Create account</button>
</form>
<p id="message" role="alert"></p>
<p>Have an account? <a href="/app/signin">Sign in</a></p>
</main>
</body>
</html>
)html";

const std::string_view home_html = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Postern</title>
<link rel="stylesheet" href="/app/assets/style.css">
<script src="/app/assets/pages.js" defer></script>
</head>
<body>
<main>
<h1>Postern</h1>
<p>You are signed in. Policies and webhooks have no pages in this version: they are made through the
REST API, or with the command line.</p>
<ol>
<li>Get a token:
<pre>curl -s -H 'Content-Type: application/json' \
  -d '{"email":"you@example.com","password":"..."}' \
  http://127.0.0.1:8025/api/v1/sessions</pre></li>
<li>Make a webhook that keeps mail in the built-in inbox:
<pre>curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
  -d '{"target_url":"inbox"}' http://127.0.0.1:8025/api/v1/webhooks</pre></li>
<li>Send mail to its <code>email_address</code>, then read it:
<pre>curl -s -H "Authorization: Bearer $TOKEN" \
  http://127.0.0.1:8025/api/v1/webhooks/$ID/inbox</pre></li>
</ol>
<button id="signout" type="button">Sign out</button>
<p id="message" role="alert"></p>
</main>
</body>
</html>
)html";

const std::string_view script_js = R"js('use strict';

const $ = (id) => document.getElementById(id);
const say = (text) => { $('message').textContent = text; };

async function send(method, path, body, csrf) {
  const headers = {'Content-Type': 'application/json'};
  if (csrf) headers['X-CSRF-Token'] = csrf;
  const response = await fetch(path, {
    method, headers, credentials: 'same-origin', body: body === undefined ? undefined : JSON.stringify(body)});
  const answer = response.status === 204 ? {} : await response.json();
  if (!response.ok) throw new Error(answer.error || 'The server answered ' + response.status);
  return answer;
}

function onSubmit(id, action) {
  const form = $(id);
  if (!form) return;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    say('');
    try { await action(form.elements); } catch (error) { say(error.message); }
  });
}

const enter = () => { location.assign('/app/'); };
let totpToken = null;

async function signIn(email, password) {
  const answer = await send('POST', '/app/session', {email, password});
  if (!answer.totp_required) return enter();
  totpToken = answer.totp_token;
  $('signin').hidden = true;
  $('second').hidden = false;
  $('code').focus();
}

onSubmit('signin', (fields) => signIn(fields.email.value, fields.password.value));
onSubmit('second', async (fields) => {
  await send('POST', '/app/session/2fa', {totp_token: totpToken, code: fields.code.value});
  enter();
});
onSubmit('signup', async (fields) => {
  await send('POST', '/api/v1/accounts', {email: fields.email.value, password: fields.password.value});
  await send('POST', '/app/session', {email: fields.email.value, password: fields.password.value});
  enter();
});

const signout = $('signout');
if (signout) {
  signout.addEventListener('click', async () => {
    try {
      const session = await send('GET', '/app/session');
      await send('DELETE', '/app/session', undefined, session.csrf_token);
      location.assign('/app/signin');
    } catch (error) { say(error.message); }
  });
}
)js";

const std::string_view style_css =
    R"css(:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0; }
main { max-width: 40rem; margin: 8vh auto; padding: 0 1rem; }
form { display: flex; flex-direction: column; gap: .4rem; max-width: 22rem; }
form[hidden] { display: none; }
input, button { font: inherit; padding: .5rem; }
button { margin-top: .6rem; cursor: pointer; }
pre { overflow-x: auto; padding: .6rem; border: 1px solid; border-radius: 4px; }
#message { min-height: 1.5em; }
)css";

}  // namespace postern::admin::content
