import type { ExplainStrings } from '../strings/types.js';

/** Words that are loaded when a person asks what the network looked at, by language. */
const en: ExplainStrings = {
  task: 'For the answer',
  busy: 'Looking at the face again',
  gone: 'The face could not be found in that moment. Ask again.',
  failed: 'That could not be worked out. Ask again.',
  picture: (name) => `The face with the places that the network looked at: ${name}`,
  seen: (name) => `Glowing places spoke for “${name}”.`,
  unseen: (name) => `“${name}” was not seen; glowing places would have spoken for it.`,
  older: 'Glowing places raised the apparent age.',
  nothing: (name) => `No place spoke for “${name}”.`,
  place: (row, column) => `The brightest is ${row}, ${column}.`,
  rows: ['at the top', 'halfway down', 'at the bottom'],
  columns: ['on the left', 'in the middle', 'on the right'],
  levelsTitle: 'How strongly the answer draws on each level of the network, beside the strongest:',
  levels: ['Fine detail', 'Small shapes', 'Parts of the face', 'The whole face'],
  hint: 'This shows where the network looked, not why it answers so, nor whether it is right.',
  moment: 'The picture is of the moment at which you asked.',
  close: 'Close',
};

const de: ExplainStrings = {
  task: 'Für die Angabe',
  busy: 'Das Gesicht wird noch einmal betrachtet',
  gone: 'Das Gesicht war in diesem Moment nicht zu finden. Fragen Sie noch einmal.',
  failed: 'Das ließ sich nicht ermitteln. Fragen Sie noch einmal.',
  picture: (name) => `Das Gesicht mit den Stellen, auf die das Netz geschaut hat: ${name}`,
  seen: (name) => `Leuchtende Stellen sprachen für „${name}“.`,
  unseen: (name) => `„${name}“ wurde nicht gesehen; leuchtende Stellen hätten dafür gesprochen.`,
  older: 'Leuchtende Stellen haben das scheinbare Alter erhöht.',
  nothing: (name) => `Keine Stelle sprach für „${name}“.`,
  place: (row, column) => `Am hellsten leuchtet es ${row} ${column}.`,
  rows: ['oben', 'auf halber Höhe', 'unten'],
  columns: ['links', 'in der Mitte', 'rechts'],
  levelsTitle: 'Wie stark sich die Angabe auf jede Ebene des Netzes stützt, neben der stärksten:',
  levels: ['Feine Einzelheiten', 'Kleine Formen', 'Teile des Gesichts', 'Das ganze Gesicht'],
  hint: 'Das zeigt, wohin das Netz geschaut hat, nicht, warum es so antwortet oder ob es recht hat.',
  moment: 'Das Bild zeigt den Moment, in dem Sie gefragt haben.',
  close: 'Schließen',
};

const ar: ExplainStrings = {
  task: 'بشأن الإجابة',
  busy: 'يُنظر إلى الوجه مرة أخرى',
  gone: 'تعذّر العثور على الوجه في تلك اللحظة. اسأل مرة أخرى.',
  failed: 'تعذّر حساب ذلك. اسأل مرة أخرى.',
  picture: (name) => `الوجه والمواضع التي نظرت إليها الشبكة: ${name}`,
  seen: (name) => `المواضع المضيئة دلّت على «${name}».`,
  unseen: (name) => `لم يظهر «${name}»؛ والمواضع المضيئة هي ما كان سيدل عليه.`,
  older: 'المواضع المضيئة رفعت العمر الظاهري.',
  nothing: (name) => `لم يدل أي موضع على «${name}».`,
  place: (row, column) => `أشدها ضوءًا ${row} ${column}.`,
  rows: ['في الأعلى', 'في منتصف الارتفاع', 'في الأسفل'],
  columns: ['إلى اليسار', 'في الوسط', 'إلى اليمين'],
  levelsTitle: 'مدى اعتماد الإجابة على كل مستوى من مستويات الشبكة، قياسًا إلى أقواها:',
  levels: ['تفاصيل دقيقة', 'أشكال صغيرة', 'أجزاء الوجه', 'الوجه كله'],
  hint: 'يُظهر هذا أين نظرت الشبكة، لا لماذا أجابت هكذا ولا إن كانت على صواب.',
  moment: 'الصورة من اللحظة التي سألت فيها.',
  close: 'إغلاق',
};

const LANGUAGES: Readonly<Record<string, ExplainStrings>> = { en, de, ar };

/** @param locale of the widget's words; English where there is no translation */
export const explainStrings = (locale: string): ExplainStrings => LANGUAGES[locale] ?? en;
