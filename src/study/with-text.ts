import { basename, extname } from "node:path";
import type { Study, StudyCorpus } from "./study.ts";

/** A study on further texts as well, each in every way in which it uses the packaged one. */
export function withText(study: Study, files: readonly string[]): Study {
  const packaged = study.corpora.filter(({ source }) => source === "demo");
  const further = files.flatMap((file) => packaged.map((corpus) => onText(corpus, file)));
  return { ...study, corpora: [...study.corpora, ...further] };
}

function onText(corpus: StudyCorpus, file: string): StudyCorpus {
  const title = basename(file, extname(file));
  const suffix = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return {
    ...corpus,
    name: `${corpus.name}-${suffix}`,
    title: `${corpus.title}, ${title}`,
    source: [file],
  };
}
