// What every page does. Import the parts (toast.js, dialog.js, …) from other modules, never this one.

import { startDialogs } from "./dialog.js";
import { startFields } from "./fields.js";
import { startForms } from "./forms.js";
import { startGrowing } from "./grow.js";
import { startPrinting } from "./print.js";
import { startLists } from "./lists.js";
import { startRecipients } from "./recipients.js";
import { startTabs } from "./tabs.js";
import { startTheme } from "./theme.js";
import { startClocks } from "./time.js";

startTheme();
startClocks();
startDialogs();
startLists();
startTabs();
startFields();
startRecipients();
startGrowing();
startForms();
startPrinting();
