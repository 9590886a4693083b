// The peer of the `directive` bench: Node's socket.io as its documents show it, one room a unit, no database.
//   node directive_peer.js MODULES     prints "port N"; each line on standard input emits one directive to all units
const path = require("node:path");
const { createServer } = require("node:http");
const { createInterface } = require("node:readline");
const { Server } = require(path.join(process.argv[2], "node_modules", "socket.io"));

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false, pingInterval: 10000, pingTimeout: 8000 });
const units = [];
let seq = 0;

io.on("connection", (socket) => {
  const unit = Number(socket.handshake.headers.cookie.split("-")[1]);
  units.push(unit);
  socket.join(`unit:${unit}`);
  socket.on("channel.ack", () => {});
});

createInterface({ input: process.stdin }).on("line", () => {
  const began = process.hrtime.bigint();
  seq += 1;
  for (const unit of units) {
    io.to(`unit:${unit}`).emit("directive.issued", {
      seq, at: new Date().toISOString(), directive: seq, document_type: "Công điện", subject: "Ứng phó mưa lớn, lũ trên sông",
      urgency: "FLASH", deadline: "2026-12-01T10:00:00Z", href: `/directives/${seq}`, number: `${seq}/CĐ-UBND`,
      unit_name: "Ủy ban nhân dân huyện Cam Lộ", role: "execute",
    });
  }
  process.stdout.write(`committed ${began}\n`);
}).on("close", () => process.exit(0));

http.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => process.stdout.write(`port ${http.address().port}\n`));
