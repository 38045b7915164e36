/** Address of the model that the build chose, relative to the site's root. */
declare const __MODEL_URL__: string;
/** True where that model is generated weights that mean nothing. */
declare const __UNTRAINED__: boolean;
