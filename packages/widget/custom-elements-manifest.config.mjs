/** `npm run manifest` writes custom-elements.json from the element's own documentation. */

const isPublic = ({ name, privacy }) => privacy !== 'private' && !/^[_#]/.test(name ?? '');

/** Leaves what a stranger can use, and names the module as it is published. */
const published = {
  name: 'published',
  packageLinkPhase({ customElementsManifest }) {
    for (const module of customElementsManifest.modules) {
      module.declarations = module.declarations.filter(({ customElement }) => customElement);
      module.exports = module.declarations.flatMap(({ name, tagName }) => {
        const declaration = { name, module: 'dist/index.js' };
        return [
          { kind: 'js', name, declaration },
          { kind: 'custom-element-definition', name: tagName, declaration },
        ];
      });
      module.path = 'dist/index.js';
      for (const element of module.declarations) {
        for (const list of ['attributes', 'members']) element[list] = element[list].filter(isPublic);
      }
    }
  },
};

export default { globs: ['src/element.ts'], litelement: true, packagejson: false, plugins: [published] };
