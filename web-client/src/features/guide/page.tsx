// «Электронное обучение» (clause 2.3): how a consultation goes for each role and form, and what helps.
import { useState } from 'react';
import { useTexts } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import sheet from '../../shared/ui/sheet.module.css';
import { useTitle } from '../../shared/ui/use-title';
import { ARTICLES, FORMS, PARTS, type Part, partOf, type Step, TROUBLES, type Trouble } from './articles';
import styles from './guide.module.css';
import { guideTexts } from './texts';
import { ArticleVideo } from './video';

export default function GuidePage() {
  const t = useTexts(guideTexts);
  const me = useMe();
  useTitle(t('title'));
  const [part, setPart] = useState<Part>(() => partOf(me?.roles.map(({ role }) => role) ?? []));
  return (
    <>
      <div className={sheet.top}>
        <h1 className={sheet.heading}>{t('title')}</h1>
        <label className={sheet.field}>
          {t('part')}
          <select value={part} onChange={(event) => setPart(event.target.value as Part)}>
            {PARTS.map((one) => (
              <option key={one} value={one}>
                {t(`part_${one}`)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p className={sheet.soft}>{t('lead')}</p>
      <div className={styles.articles}>
        {FORMS.map((form) => (
          <section key={form} className={sheet.card} aria-labelledby={`guide-${form}`}>
            <h2 id={`guide-${form}`}>{t(form)}</h2>
            <p className={sheet.soft}>{t(`${form}_about`)}</p>
            <Steps steps={ARTICLES[part][form]} />
            <ArticleVideo part={part} form={form} />
          </section>
        ))}
      </div>
      <section className={sheet.card} aria-labelledby="guide-troubles">
        <h2 id="guide-troubles">{t('troubles')}</h2>
        {(Object.keys(TROUBLES) as Trouble[]).map((trouble) => (
          <details key={trouble} className={styles.trouble}>
            <summary>{t(trouble)}</summary>
            <Steps steps={TROUBLES[trouble]} />
          </details>
        ))}
      </section>
    </>
  );
}

function Steps({ steps }: { steps: readonly Step[] }) {
  const t = useTexts(guideTexts);
  return (
    <ol className={styles.steps}>
      {steps.map((step) => (
        <li key={step}>{t(step)}</li>
      ))}
    </ol>
  );
}
