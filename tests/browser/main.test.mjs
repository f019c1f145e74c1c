// All tests in one process, which share a server and a browser.

import "./picture.mjs";
import "./explanations.mjs";
import "./comparing.mjs";
import "./saving.mjs";
import "./network.mjs";
import "./models.mjs";
import "./jobs.mjs";
import "./errors.mjs";
import "./keys.mjs";
import "./access.mjs";
import "./speed.mjs";
