// Users in a browser, each with storage of their own as in a window of their own. Whatever a page complains of (errors,
// its own security policy, requests to anywhere but the server) is kept in `complaints`.
//
//   const browser = await Browser.open();
//   const page = await browser.user(`${server.url}/#token=${token}`);
import { chromium } from "playwright-core";

const kFlags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
// What the browser itself says of a connection that breaks or is not there, which no page can keep it from.
const kOfTheNetwork = /net::ERR_|WebSocket connection to|Failed to load resource/;

export class Browser {
  complaints = [];
  #browser;

  static async open() {
    const browser = new Browser();
    browser.#browser = await chromium.launch({ executablePath: process.env.CHROMIUM_BIN ?? "/usr/bin/chromium", headless: true, args: kFlags });
    return browser;
  }

  async user(url) {
    const context = await this.#browser.newContext();
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    page.on("pageerror", (error) => this.complaints.push(`${error}`));
    page.on("console", (line) => {
      if (["error", "warning"].includes(line.type()) && !kOfTheNetwork.test(line.text())) this.complaints.push(line.text());
    });
    const { origin } = new URL(url);
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== origin) this.complaints.push(`a request to ${request.url()}`);
    });
    await page.goto(url);
    return page;
  }

  close() {
    return this.#browser.close();
  }
}
