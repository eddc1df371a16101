// The demo world, to look at by hand: tests/system/web.py --open. Ends with Ctrl+C.
import { demo } from './demo.mjs';
import { world } from './world.mjs';

const { owner, replies } = await demo();
console.log(`${replies.length} mails sent. ${world.base}/app/  as ${owner.email}, password ${owner.password}`);
process.on('SIGINT', () => process.exit(0));
setInterval(() => {}, 60_000);
